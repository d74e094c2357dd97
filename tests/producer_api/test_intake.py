"""From raw events to records: every fault is named, and no input breaks it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.codec import decode
from avro_schemas.event_ids import fresh
from avro_schemas.reasons import REASONS
from producer_api.intake import Accepted, Intake, Visit
from tests.events import NOON

MINUTE, DAY = 60_000, 86_400_000
FRESH = fresh(NOON, b"0123456789")
VISIT = Visit(NOON, b"u" * 16, None, b"i" * 16, "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/143.0")
INTAKE = Intake(any_custom=False, most_event_bytes=32 * 1024)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
names = st.sampled_from(["event_type", "event_data", "timestamp", "event_id", "other"])


def accept(raw: Any, intake: Intake = INTAKE) -> Any:
    return intake.accept(raw, VISIT, lambda: FRESH)


def record_of(raw: Any) -> dict[str, Any]:
    accepted = accept(raw)
    assert isinstance(accepted, Accepted), accepted
    return decode(accepted.value)[1]


def codes(raw: Any) -> set[tuple[str, str]]:
    found = accept(raw)
    assert isinstance(found, list)
    return {(fault.code, fault.pointer) for fault in found}


def click(**fields: Any) -> dict[str, Any]:
    return {"event_type": "click", "event_data": {"element": "nav_menu"}} | fields


def test_an_event_without_id_and_time_gets_both() -> None:
    record = record_of(click())
    assert (record["event_id"], record["occurred_at"], record["time_flag"]) == (FRESH, NOON, "ok")
    assert (record["user_key"], record["ip_hash"]) == (b"u" * 16, b"i" * 16)
    assert record["device"] == {"browser": "Firefox", "system": "Linux", "kind": "desktop"}


def test_the_user_agent_of_the_event_is_kept_as_classes_only() -> None:
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
    record = record_of(click(event_data={"element": "x", "user_agent": phone}))
    assert record["event_data"] == {"element": "x"}
    assert (record["device"]["system"], record["device"]["kind"]) == ("iOS", "mobile")


def test_addresses_lose_their_query_and_the_page_stands_in_the_head() -> None:
    data = {"page": "/reset?token=secret#top", "referrer": "https://a.example/x?q=me"}
    record = record_of({"event_type": "page_view", "event_data": data})
    assert (record["page"], record["event_data"]["page"]) == ("/reset", "/reset")
    assert record["event_data"]["referrer"] == "https://a.example/x"


@pytest.mark.parametrize(
    ("timestamp", "occurred_at", "flag"),
    [
        pytest.param("2026-01-01T11:55:00Z", NOON - 5 * MINUTE, "ok", id="just now"),
        pytest.param("2026-01-01T13:55:00+02:00", NOON - 5 * MINUTE, "ok", id="another offset"),
        pytest.param("2024-01-15T10:30:00Z", 1_705_314_600_000, "past", id="long ago"),
        pytest.param("2026-01-01T12:09:59Z", NOON + 10 * MINUTE - 1000, "ok", id="a little ahead"),
        pytest.param("2026-01-01T12:11:00Z", NOON, "clamped", id="too far ahead"),
    ],
)
def test_the_time_of_an_event_is_kept_and_flagged(timestamp: str, occurred_at: int, flag: str) -> None:
    record = record_of(click(timestamp=timestamp))
    assert (record["occurred_at"], record["time_flag"]) == (occurred_at, flag)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param([], {("event_not_object", "")}, id="a list"),
        pytest.param("x", {("event_not_object", "")}, id="text"),
        pytest.param({}, {("field_missing", "/event_type"), ("field_missing", "/event_data")}, id="empty"),
        pytest.param(click(event_data="text"), {("type_mismatch", "/event_data")}, id="event_data is text"),
        pytest.param(click(event_type=7), {("type_mismatch", "/event_type")}, id="event_type is a number"),
        pytest.param(click(event_type="clik"), {("event_type_unknown", "/event_type")}, id="unknown type"),
        pytest.param(click(user="ann"), {("field_unknown", "/user")}, id="unknown field"),
        pytest.param(click(timestamp="yesterday"), {("timestamp_invalid", "/timestamp")}, id="no time"),
        pytest.param(
            click(timestamp="2026-01-01T12:00:00"), {("timestamp_invalid", "/timestamp")}, id="no offset"
        ),
        pytest.param(click(timestamp=1767268800), {("timestamp_invalid", "/timestamp")}, id="seconds"),
        pytest.param(
            click(timestamp="1999-01-01T00:00:00Z"), {("timestamp_out_of_range", "/timestamp")}, id="1999"
        ),
        pytest.param(click(event_id="evt_abc123"), {("event_id_invalid", "/event_id")}, id="short id"),
        pytest.param(
            click(event_id=fresh(NOON - 8 * DAY, b"0" * 10)), {("event_id_time", "/event_id")}, id="old id"
        ),
        pytest.param(
            click(event_id=fresh(NOON + 11 * MINUTE, b"0" * 10)), {("event_id_time", "/event_id")}, id="id ahead"
        ),
        pytest.param(
            click(event_data={"user_agent": 5}), {("type_mismatch", "/event_data/user_agent")}, id="agent"
        ),
        pytest.param(click(event_data={"n": 2.0**64}), set(), id="a large float is a number"),
        pytest.param(
            {"event_type": "form_submit", "event_data": {"success": 1}, "timestamp": "x", "event_id": 1},
            {
                ("field_missing", "/event_data/form"),
                ("type_mismatch", "/event_data/success"),
                ("timestamp_invalid", "/timestamp"),
                ("event_id_invalid", "/event_id"),
            },
            id="everything at once",
        ),
    ],
)
def test_every_fault_is_named(raw: Any, expected: set[tuple[str, str]]) -> None:
    if expected:
        assert codes(raw) == expected
    else:
        assert isinstance(accept(raw), Accepted)


def test_a_mistyped_event_type_is_told_what_was_meant() -> None:
    (fault,) = accept(click(event_type="page-view"))
    assert 'did you mean "page_view"?' in fault.expected


def test_custom_events_of_any_name_pass_where_the_setting_says_so() -> None:
    intake = Intake(any_custom=True, most_event_bytes=1024)
    assert isinstance(accept(click(event_type="cart:checkout.v2"), intake), Accepted)
    assert isinstance(accept(click(event_type="has space"), intake), list)


def test_an_event_that_is_too_large_is_refused() -> None:
    (fault,) = accept(click(event_data={f"k{n}": "x" * 2000 for n in range(20)}))
    assert fault.code == "too_large"


@given(st.dictionaries(names, json_values) | json_values)
def test_no_input_breaks_the_intake(raw: Any) -> None:
    outcome = accept(raw)
    if isinstance(outcome, list):
        assert outcome
        assert {fault.code for fault in outcome} <= REASONS.keys()
    else:
        assert decode(outcome.value)[1]["event_type"] == outcome.event_type
