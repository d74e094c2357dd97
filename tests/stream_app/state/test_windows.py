"""Windows of any length follow from the grains, and the names in them from the order of the log alone."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.live_aggregates import HOUR_MS, MINUTE_MS, OTHER, SLOT_MS
from stream_app.state.dimensions import Dimension, EmitEvery
from stream_app.state.windows import RING_MS, Windows
from tests.support.events import NOON

SLOTS = Dimension("slots", "", grain_ms=SLOT_MS, windows_ms=(MINUTE_MS, HOUR_MS))
Emitted = dict[tuple[int, int], dict[str, int] | None]


def emitted(windows: Windows, due: EmitEvery = EmitEvery.TEN_SECONDS) -> Emitted:
    return {(partial.window_ms, partial.start): partial.counts for partial in windows.partials(due)}


def test_longer_windows_are_summed_from_the_grains() -> None:
    windows = Windows(SLOTS)
    windows.add(NOON, {"click": 1})
    windows.add(NOON + SLOT_MS, {"click": 2, "scroll": 1})
    windows.add(NOON + MINUTE_MS, {"click": 4})
    found = emitted(windows)
    assert found[SLOT_MS, NOON] == {"click": 1}
    assert found[MINUTE_MS, NOON] == {"click": 3, "scroll": 1}
    assert found[HOUR_MS, NOON] == {"click": 7, "scroll": 1}
    assert emitted(windows) == {}


def test_short_windows_are_emitted_with_each_checkpoint_and_long_ones_later() -> None:
    windows = Windows(SLOTS)
    windows.add(NOON, {"click": 1})
    assert {length for length, _start in emitted(windows, EmitEvery.CHECKPOINT)} == {SLOT_MS, MINUTE_MS}
    assert {length for length, _start in emitted(windows, EmitEvery.TEN_SECONDS)} == {HOUR_MS}


def test_windows_that_leave_the_ring_expire_once_and_hours_stay() -> None:
    windows = Windows(SLOTS)
    windows.add(NOON, {"click": 1})
    emitted(windows)
    windows.add(NOON + RING_MS + MINUTE_MS, {"click": 1})
    found = emitted(windows)
    assert found[SLOT_MS, NOON] is None
    assert found[MINUTE_MS, NOON] is None
    assert (HOUR_MS, NOON) not in found


def test_an_hour_has_as_many_names_as_a_minute_and_the_same_ones_after_a_recovery() -> None:
    dimension = Dimension("pages", "", max_names=3)
    windows, restored = Windows(dimension), Windows(dimension)
    # The second minute comes late.
    for minute, counted in ((0, {"/a": 1, "/b": 1}), (2, {"/c": 1, "/d": 1}), (1, {"/e": 1, "/a": 1, "/f": 1})):
        windows.add(NOON + minute * MINUTE_MS, counted)
    hour = emitted(windows)[HOUR_MS, NOON]
    assert hour == {"/a": 2, "/b": 1, "/e": 1, OTHER: 3} == windows.newest(HOUR_MS)
    windows.mark_all_dirty()
    restored.restore([payload for _key, payload in windows.changes()])
    restored.mark_all_dirty()
    assert emitted(restored)[HOUR_MS, NOON] == hour


def test_a_dimension_whose_windows_might_not_fit_a_record_is_refused() -> None:
    Dimension("pages", "", max_names=700)
    with pytest.raises(ValueError, match="lower max_names"):
        Dimension("pages", "", max_names=800)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abcdefg")), max_size=60), st.integers(1, 30))
def test_any_cuts_and_a_restore_give_the_same_windows(log: list[tuple[int, str]], size: int) -> None:
    """With more names than a window has room for, so that their order matters."""
    dimension = replace(SLOTS, max_names=3)
    events = [(NOON + slot * SLOT_MS, name) for slot, name in log]
    whole, cut, restored = Windows(dimension), Windows(dimension), Windows(dimension)
    for moment, name in events:
        whole.add(moment, {name: 1})
    for start in range(0, len(events), size):
        chunk: dict[int, list[str]] = defaultdict(list)
        for moment, name in events[start : start + size]:
            chunk[moment].append(name)
        for moment, names in chunk.items():
            cut.add(moment, Counter(names), names.copy)
    assert emitted(cut) == emitted(whole)
    whole.mark_all_dirty()
    restored.restore([payload for _key, payload in whole.changes()])
    restored.mark_all_dirty()
    assert emitted(restored) == emitted(whole)
