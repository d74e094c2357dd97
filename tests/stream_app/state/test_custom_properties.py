"""Properties of custom events are counted by their values, as long as these are few; the rest is `*`."""

from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.live_aggregates import MAX_PROPERTY_BYTES, OTHER, PROPERTIES, split_custom_property
from stream_app.state.custom_properties import MAX_NAMED, named_properties
from stream_app.state.partition import PartitionState
from tests.support.events import NOON, Record, encoded, event
from tests.support.partition_states import MINUTE, correction, emitted, everything, fold, folded, new_state

VALUES = (
    st.text(max_size=90)
    | st.integers(-5, 1_100)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
    | st.lists(st.integers(0, 9), max_size=2)
)
OBJECTS = st.dictionaries(st.sampled_from(["page", "step", "plan", "größe"]) | st.text(max_size=60), VALUES)


def names_of(event_type: str, **properties: Any) -> list[str]:
    return list(named_properties(event_type, orjson.dumps(properties)))


def test_a_property_is_named_by_event_type_name_and_value() -> None:
    (name,) = names_of("feature_used", feature="export_data")
    assert split_custom_property(name) == ("feature_used", "feature", "export_data")
    values = [
        split_custom_property(each)[2] for each in names_of("x", a=True, b=False, c=0, d=999, e="", f="a\tb")
    ]
    assert values == ["true", "false", "0", "999", "", "a\tb"]


@pytest.mark.parametrize("value", [0.5, 1000, -1, None, [1], {"a": 1}, "x" * 81, "é" * 41])
def test_a_value_that_is_nearly_unique_or_none_at_all_has_no_name_of_its_own(value: Any) -> None:
    assert names_of("x", plan="team", value=value) == ["x\tplan\tteam", OTHER]


def test_names_are_bounded_and_the_page_is_not_among_them() -> None:
    assert names_of("x", page="/pricing", **{"n" * 49: 1, "a\tb": 1}) == [OTHER, OTHER]
    assert names_of("x", **{str(n): n for n in range(30)})[MAX_NAMED:] == [OTHER] * 10
    (name,) = names_of("t" * 100, **{"é" * 24: "é" * 40})
    assert len(name.encode()) <= MAX_PROPERTY_BYTES


@pytest.mark.parametrize("text", [b"", b"[]", b'"a"', b"{", b"null", b'{"a": NaN}'])
def test_what_others_write_instead_of_an_object_has_no_names(text: bytes) -> None:
    assert named_properties("x", text) == ()


@given(st.lists(OBJECTS, max_size=30), st.data())
def test_sums_are_the_numbers_of_properties_however_the_log_is_cut_and_corrections_take_them_back(
    sent: list[dict[str, Any]], data: st.DataObject
) -> None:
    log = [Record(n, NOON, None, encoded(event("feature_used", event_data=each))) for n, each in enumerate(sent)]
    state = new_state()
    cut = data.draw(st.integers(0, len(log)))
    fold(state, log[:cut])
    state.snapshot()
    fold(state, log[cut:])
    expected = Counter(name for each in sent for name in names_of("feature_used", **each))
    assert counted(state) == expected
    assert sum(expected.values()) == sum(len(each.keys() - {"page"}) for each in sent)
    restored = new_state()
    if sent:
        restored.restore(dict(everything(state).values))
        for number, record in enumerate(log[cut:]):
            restored.correct(number, correction(number, record, is_row=False, reason="duplicate"))
    remaining = Counter(name for each in sent[:cut] for name in names_of("feature_used", **each))
    assert counted(restored) == remaining


def test_ids_do_not_push_out_what_is_frequent() -> None:
    log = [
        Record(n, NOON, None, encoded(event("feature_used", event_data={"order": f"id-{n}", "feature": "export"})))
        for n in range(3_000)
    ]
    found = counted(folded(log))
    assert found["feature_used\tfeature\texport"] == 3_000
    assert sum(found.values()) == 6_000


def test_types_share_a_window_in_the_order_of_the_log() -> None:
    """Which names a full window has must not depend on how the log was cut."""
    log = [
        Record(n, NOON, None, encoded(event(("click", "scroll")[n % 2], event_data={"n": f"{n * 7919 % 700}"})))
        for n in range(2_000)
    ]
    whole, pieces = folded(log), new_state()
    for start in range(0, len(log), 37):
        fold(pieces, log[start : start + 37])
        pieces.snapshot()
    assert counted(whole) == counted(pieces)


def counted(state: PartitionState) -> dict[str, int]:
    if state.position < 0:
        return {}
    state.mark_all_dirty()
    return emitted(state).get((PROPERTIES, MINUTE), {}).get(NOON) or {}
