"""What a client says about where its events happened: read into one form, or every fault named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.reasons import REASONS
from avro_schemas.validation.bounds import MAX_FAULTS
from avro_schemas.validation.fault import Fault
from producer_api.intake.client_context import (
    CONTEXT_FIELDS,
    NO_CONTEXT,
    ClientContext,
    normal_language,
    preferred_language,
    read_context,
)


def read(raw: Any, sites: tuple[str, ...] = ()) -> ClientContext:
    found: list[Fault] = []
    context = read_context(raw, "/context", sites, found)
    assert not found
    return context


def faults(raw: Any, sites: tuple[str, ...] = ()) -> list[Fault]:
    found: list[Fault] = []
    read_context(raw, "/context", sites, found)
    assert {fault.code for fault in found} <= REASONS.keys()
    return found


def codes(raw: Any, sites: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(fault.code, fault.pointer) for fault in faults(raw, sites)]


def test_all_fields_are_read_into_the_form_in_which_they_are_stored() -> None:
    sent = {
        "site": "shop-eu",
        "hostname": "Shop.Example:443",
        "route": "/products/:id",
        "referrer": "https://t.co/x",
        "language": "pt-br",
        "screen_width": 1440,
        "release": "2026.1",
    }
    assert set(sent) == set(CONTEXT_FIELDS)
    assert read(sent) == ClientContext(
        "shop-eu", "shop.example", "/products/:id", "https://t.co/x", "pt-BR", "xl", "2026.1"
    )


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        dict.fromkeys(CONTEXT_FIELDS),
        # An attribute that a server's template left empty.
        {**dict.fromkeys(CONTEXT_FIELDS, ""), "screen_width": 0},
        {"language": "C"},
    ],
)
def test_everything_is_optional(raw: Any) -> None:
    assert read(raw) == NO_CONTEXT


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("site", 7, "type_mismatch"),
        ("site", "Shop", "format_invalid"),
        ("site", "-shop", "format_invalid"),
        ("site", "x" * 51, "too_long"),
        ("site", "sh\nop", "format_invalid"),
        ("hostname", "a b", "format_invalid"),
        ("hostname", "x" * 261, "too_long"),
        ("hostname", ["shop.example"], "type_mismatch"),
        ("route", "x" * 201, "too_long"),
        ("route", "/a\0", "text_invalid"),
        ("route", {"path": "/"}, "type_mismatch"),
        ("release", "\ud83d", "text_invalid"),
        ("release", 2.0, "type_mismatch"),
        ("referrer", "x" * 2_001, "too_long"),
        ("language", "en US", "format_invalid"),
        ("language", "7", "format_invalid"),
        ("language", "de,en;q=0.5", "format_invalid"),
        ("language", "x" * 101, "too_long"),
        ("screen_width", "1440", "type_mismatch"),
        ("screen_width", 1440.5, "type_mismatch"),
        ("screen_width", True, "type_mismatch"),
        ("screen_width", -1, "out_of_range"),
        ("screen_width", 10**30, "out_of_range"),
    ],
)
def test_a_wrong_value_is_a_fault_with_its_pointer(name: str, value: Any, code: str) -> None:
    assert codes({name: value}) == [(code, f"/context/{name}")]


def test_every_fault_is_named() -> None:
    assert codes({"site": 1, "route": 2, "screen_width": 3}) == [
        ("type_mismatch", "/context/site"),
        ("type_mismatch", "/context/route"),
    ]
    assert codes("shop") == [("type_mismatch", "/context")]


def test_an_unknown_name_is_a_fault_that_says_which_one_was_meant() -> None:
    (fault,) = faults({"host_name": "shop.example"})
    assert (fault.code, fault.pointer, fault.expected) == (
        "field_unknown",
        "/context/host_name",
        'did you mean "hostname"?',
    )
    (fault,) = faults({"color": "red"})
    assert fault.expected == "one of hostname, language, referrer, release, route, screen_width, site"


def test_many_unknown_names_are_no_more_faults_than_an_event_may_have() -> None:
    assert len(faults({f"field {number}": 1 for number in range(10_000)})) == MAX_FAULTS


def test_only_listed_sites_exist_if_any_are_listed() -> None:
    assert read({"site": "shop"}, ("shop", "blog")).site == "shop"
    (fault,) = faults({"site": "docs"}, ("shop", "blog"))
    assert (fault.code, fault.pointer, fault.expected) == ("site_unknown", "/context/site", "one of blog, shop")


def test_an_events_own_context_wins_field_by_field() -> None:
    own, envelope = ClientContext(site="shop"), ClientContext(site="blog", release="2")
    assert own.over(envelope) == ClientContext(site="shop", release="2")
    assert own.over(NO_CONTEXT) is own


@pytest.mark.parametrize(
    ("width", "screen"),
    [
        (0, None),
        (1, "xs"),
        (575, "xs"),
        (576, "sm"),
        (768, "md"),
        (992, "lg"),
        (1200, "xl"),
        (1599, "xl"),
        (1600, "xxl"),
        (100_000, "xxl"),
    ],
)
def test_screens_are_classes(width: int, screen: str | None) -> None:
    assert read({"screen_width": width}).screen == screen


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de", "de"),
        ("DE-de", "de-DE"),
        ("en_US", "en-US"),
        ("zh-Hans-CN", "zh-CN"),
        ("es-419", "es-419"),
        ("en-US-u-hc-h12", "en-US"),
        ("en-US@posix", "en-US"),
        ("de_DE.UTF-8", "de-DE"),
        ("zh-Hant", "zh"),
        ("*", None),
        ("", None),
        ("1", None),
        ("e", None),
        ("english", "english"),
        ("C", None),
        ("C.UTF-8", None),
        ("x-klingon", None),
        ("en US", None),
        ("de\n", "de"),
    ],
)
def test_languages_have_one_form(tag: str, language: str | None) -> None:
    assert normal_language(tag) == language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de-DE"),
        ("en;q=0.5, fr;q=0.9", "fr"),
        ("*", None),
        ("*, fr;q=0.1", "fr"),
        ("de;q=0", None),
        ("de;q=x, en;q=0.1", "en"),
        ("", None),
        (";;,,=", None),
        ("x" * 10_000, None),
    ],
)
def test_the_preferred_language_is_taken_of_the_header(header: str, language: str | None) -> None:
    assert preferred_language(header) == language


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


@given(values | st.dictionaries(st.sampled_from(CONTEXT_FIELDS) | st.text(max_size=5), values))
def test_no_context_is_too_odd(raw: Any) -> None:
    found: list[Fault] = []
    context = read_context(raw, "/context", (), found)
    for text in context:
        assert text is None or (text and "\0" not in text and text.encode())


@given(st.text())
def test_no_header_is_too_odd(header: str) -> None:
    language = preferred_language(header)
    assert language is None or normal_language(language) == language
