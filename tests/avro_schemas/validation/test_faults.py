"""The check of event_data names every fault, and what passes survives the codec unchanged."""

import functools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.reasons import REASONS
from avro_schemas.schema import event_schema
from avro_schemas.validation import bounds, faults
from avro_schemas.wire import codec
from tests.support.events import encoded, event

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)
event_types = st.sampled_from(["page_view", "button_click", "form_submit", "error_encountered", "click"])


def nested(levels: int) -> Any:
    """An object with lists inside each other, `levels` in all."""
    return {"n": functools.reduce(lambda inner, _: [inner], range(levels - 2), [])}


def codes(event_type: str, event_data: Any) -> list[tuple[str, str]]:
    return [(fault.code, fault.pointer) for fault in faults.find_faults(event_schema(event_type), event_data)]


@pytest.mark.parametrize(
    ("event_type", "event_data", "expected"),
    [
        pytest.param("page_view", "text", [("type_mismatch", "/event_data")], id="text for an object"),
        pytest.param("page_view", {}, [("field_missing", "/event_data/page")], id="required field missing"),
        pytest.param(
            "page_view",
            {"page": "/", "colour": 1},
            [("field_unknown", "/event_data/colour")],
            id="extra field",
        ),
        pytest.param(
            "error_encountered",
            {"message": "m", "line": 1.5},
            [("type_mismatch", "/event_data/line")],
            id="1.5 for a whole number",
        ),
        pytest.param(
            "error_encountered",
            {"message": "m", "line": True},
            [("type_mismatch", "/event_data/line")],
            id="boolean for a number",
        ),
        pytest.param(
            "error_encountered",
            {"message": "m", "line": 2**31},
            [("out_of_range", "/event_data/line")],
            id="too large for an int",
        ),
        pytest.param("click", {"n": 2**64}, [("out_of_range", "/event_data/n")], id="too large for 64 bits"),
        pytest.param("click", {"n": float("nan")}, [("not_finite", "/event_data/n")], id="NaN"),
        pytest.param("click", [1], [("type_mismatch", "/event_data")], id="list for free data"),
        pytest.param("click", {"n": [1, {"m": [None, {}]}]}, [], id="nested values"),
        pytest.param("click", {"n": [0, "a\0b"]}, [("text_invalid", "/event_data/n/1")], id="NUL in a list"),
        pytest.param("click", {"n": [[0] * 999]}, [("too_long", "/event_data")], id="too many values"),
        pytest.param("click", {"n": [[0] * 998]}, [], id="just as many values as allowed"),
        pytest.param("click", nested(20), [], id="nested as deep as allowed"),
        pytest.param("click", nested(21), [("too_deep", "/event_data")], id="nested too deep"),
        pytest.param(
            "page_view",
            {"page": "/", "properties": {"n": [{"m": float("inf")}]}},
            [("not_finite", "/event_data/properties/n/0/m")],
            id="infinity in a property",
        ),
        pytest.param("click", {"n": "a\0b"}, [("text_invalid", "/event_data/n")], id="NUL"),
        pytest.param("click", {"n": "\ud800"}, [("text_invalid", "/event_data/n")], id="lone surrogate"),
        pytest.param("click", {"n\0": 1}, [("text_invalid", "/event_data/n\\0")], id="NUL in a name"),
        pytest.param("click", {"n": "x" * 2001}, [("too_long", "/event_data/n")], id="text too long"),
        pytest.param("click", {"a/b~": "\0"}, [("text_invalid", "/event_data/a~1b~0")], id="pointer escapes"),
        pytest.param("click", {str(i): i for i in range(101)}, [("too_long", "/event_data")], id="too many"),
        pytest.param(
            "form_submit",
            {"success": "yes", "extra": 1},
            [
                ("field_missing", "/event_data/form"),
                ("type_mismatch", "/event_data/success"),
                ("field_unknown", "/event_data/extra"),
            ],
            id="several faults",
        ),
        pytest.param("click", {"n": 1.0, "m": None, "b": True, "t": "ü"}, [], id="nothing wrong"),
    ],
)
def test_every_fault_has_a_code_and_a_pointer(
    event_type: str, event_data: Any, expected: list[tuple[str, str]]
) -> None:
    assert codes(event_type, event_data) == expected


@given(event_types, json_values)
def test_any_value_can_be_checked_and_every_code_is_a_reason(event_type: str, value: Any) -> None:
    for fault in faults.find_faults(event_schema(event_type), value):
        assert fault.code in REASONS
        assert fault.pointer.startswith("/event_data")


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_event_data_without_faults_survives_the_codec_unchanged(event_data: dict[str, Any]) -> None:
    if faults.find_faults(event_schema("click"), event_data):
        return
    _schema, decoded = codec.decode(encoded(event("click", event_data=event_data)))
    assert json.loads(decoded["event_data"]["properties"]) == event_data


@pytest.mark.parametrize(
    ("event_type", "event_data"),
    [
        ("page_view", {"page": "/", **{str(number): 1 for number in range(10_000)}}),
        ("click", {"texts": ["\0"] * 900}),
        ("page_view", {"page": "/", "properties": {"texts": ["\0"] * 900}}),
    ],
)
def test_an_event_has_twenty_faults_at_most(event_type: str, event_data: Any) -> None:
    assert len(codes(event_type, event_data)) == bounds.MAX_FAULTS


def test_a_fault_has_type_and_length_but_never_the_value() -> None:
    (fault,) = faults.find_faults(event_schema("page_view"), {"page": ["secret"]})
    assert fault.got == "list of 1"
