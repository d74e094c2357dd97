"""Each event is judged alone, whatever the JSON holds: a broken one costs no other, and little time."""

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producer_api.intake.body import parse
from producer_api.intake.lone_events import RefusedEvent, is_deeper, read_apart, refuse_oversized

GOOD = {"event_type": "click", "event_data": {"element": 'a, ]} "quoted" \\ 🎉'}}
TEXT = json.dumps(GOOD)


def outcome(value: Any) -> Any:
    return value.fault.code if type(value) is RefusedEvent else value


@pytest.mark.parametrize(
    ("broken", "read_as"),
    [
        pytest.param(r'{"a": "cut \ud83d"}', {"a": "cut \ufffd"}, id="first half of a character"),
        pytest.param(r'{"a": "\ude00 \ud83d\ude00"}', {"a": "\ufffd 😀"}, id="second half of a character"),
        pytest.param(r'{"a": "\\ud83d \\\ud83d"}', {"a": "\\ud83d \\\ufffd"}, id="behind backslashes"),
        pytest.param(r'{"\uD83D": 1}', {"\ufffd": 1}, id="in a name"),
        pytest.param('{"a": "\udcff"}', {"a": "\ufffd"}, id="no UTF-8"),
        pytest.param('{"a": 1e400}', {"a": float("inf")}, id="a number out of range"),
        pytest.param(f'{{"a": {"9" * 400}}}', {"a": float("inf")}, id="400 digits"),
        pytest.param(f'{{"a": [{"9" * 30}, 1e400]}}', {"a": [1e30, float("inf")]}, id="30 digits"),
        pytest.param('{"a": -Infinity}', {"a": float("-inf")}, id="infinity"),
        pytest.param("[" * 1_100 + "]" * 1_100, "too_deep", id="nested more deeply than JSON is read"),
        pytest.param('{"a": 1,}', "json_invalid", id="a comma too many"),
        pytest.param('{"a": 07}', "json_invalid", id="a leading zero"),
        pytest.param("", "json_invalid", id="nothing"),
        pytest.param("undefined", "json_invalid", id="undefined"),
    ],
)
def test_one_broken_event_costs_no_other(broken: str, read_as: Any) -> None:
    for body in (
        f"[{TEXT},{broken} ,{TEXT}]",
        f'{{"sdk": "x", "events" : [{TEXT},{broken},{TEXT}], "dropped": 1}}',
    ):
        envelope = parse(body.encode(errors="surrogateescape"), 10)
        assert [outcome(each) for each in envelope.events] == [GOOD, read_as, GOOD]
        assert not envelope.single
        assert envelope.dropped == ("dropped" in body)


def test_not_a_number_is_left_for_the_check_of_the_event() -> None:
    (event,) = parse(b'{"events": [{"a": NaN}]}', 10).events
    assert str(event) == "{'a': nan}"
    assert str(parse(b'{"a": NaN}', 10).events) == "[{'a': nan}]"


def test_a_byte_order_mark_is_no_part_of_the_json() -> None:
    assert parse(b"\xef\xbb\xbf" + TEXT.encode(), 10).events == [GOOD]


def test_what_cannot_be_written_again_is_refused() -> None:
    # Python reads what orjson does not, and would hand on halves of characters and endless nesting.
    deep = f'{{"a": 1e400, "b": {"[" * 300}{"]" * 300}}}'
    events = parse(f"[{deep}, {TEXT}]".encode(), 10).events
    assert [outcome(each) for each in events] == ["not_finite", GOOD]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(values, max_size=4), st.integers(0, 2), st.booleans())
@example([",", "]", '"events":['], 0, True)
def test_events_that_are_separated_are_those_that_a_parser_reads(
    events: list[Any], indent: int, in_envelope: bool
) -> None:
    value = {"events": events, "sdk": '[1,2], "events": [3]'} if in_envelope else events
    text = json.dumps(value, indent=indent or None).encode()
    assert read_apart(text, 10) == value


@given(st.lists(st.sampled_from([*'[]{},:" \\', '"events"', '"a"', "1", "\\ud83d", "NaN"]), max_size=30))
def test_any_text_is_read_or_is_no_json(parts: list[str]) -> None:
    with contextlib.suppress(orjson.JSONDecodeError):
        read_apart("".join(parts).encode(), 5)


def test_what_is_too_large_or_too_deep_is_refused_with_its_id_and_its_beginning() -> None:
    large = GOOD | {"event_id": "evt_large", "event_data": {"element": "x" * 70_000}}
    deep = {"event_type": "click", "event_data": json.loads("[" * 40 + "]" * 40)}
    deepest = {"event_type": "click", "event_data": json.loads("[" * 300 + "]" * 300)}
    wide = {"event_type": "click", "event_data": {"list": [[number] for number in range(100)]}}
    judged = refuse_oversized([GOOD, large, deep, deepest, wide], 64 * 1024, 32)
    assert [outcome(each) for each in judged] == [GOOD, "too_large", "too_deep", "too_deep", wide]
    assert judged[1].event_id == "evt_large"
    assert (len(judged[1].text), judged[1].size > 70_000) == (32 * 1024, True)


def test_depth_is_measured_in_objects_and_lists() -> None:
    assert not is_deeper([[1, {"a": 2}]], 3)
    assert is_deeper([[1, {"a": 2}]], 2)
