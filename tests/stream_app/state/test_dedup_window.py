"""Which ids are known depends on the log alone: not on how it was cut, nor on a recovery."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.state import dedup_window
from stream_app.state.dedup_window import DEDUP_MS, DedupWindow
from tests.support.events import NOON, fresh_id

TAILS = [b"%016x" % number for number in range(40)]


def test_an_id_that_came_again_after_the_window_is_known_after_a_recovery() -> None:
    """The ring still holds the chunk of the first time, which memory dropped; the second must not be dropped with it."""
    window, changelog = DedupWindow(), dict[str, bytes]()
    tail = fresh_id()[20:].encode()
    for now in (NOON, NOON + DEDUP_MS + 1):
        window.advance(now)
        assert not window.repeats([tail], now)
        changelog.update(window.changes())
    restored = DedupWindow()
    restored.restore(list(changelog.values()), window.first_number)
    assert len(changelog) == 2
    assert restored.repeats([tail], now) == {0}


@pytest.fixture(scope="module", autouse=True)
def small_ring() -> object:
    """So small that ids are dropped all the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup_window, "CHUNK_IDS", 3)
        patch.setattr(dedup_window, "MAX_CHUNKS", 4)
        yield


@given(st.lists(st.sampled_from(TAILS), max_size=60), st.lists(st.integers(0, 60)), st.integers(0, 60))
def test_any_cuts_and_a_recovery_anywhere_find_the_same_repeats(
    log: list[bytes], cuts: Sequence[int], crash: int
) -> None:
    one_by_one = DedupWindow()
    expected = {place for place, tail in enumerate(log) if one_by_one.repeats([tail], NOON)}
    window, changelog, found, start = DedupWindow(), dict[str, bytes](), set[int](), 0
    for cut in [*sorted(cut for cut in {*cuts, crash} if cut <= len(log)), len(log)]:
        found |= {start + place for place in window.repeats(log[start:cut], NOON)}
        changelog.update(window.changes())
        if cut == crash:
            first = window.first_number
            window = DedupWindow()
            window.restore(list(changelog.values()), first)
        start = cut
    assert found == expected
