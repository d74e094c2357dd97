"""What is remembered of ids depends on the log alone: not on how it was cut, nor on a recovery."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.state import dedup_window as horizons
from stream_app.state.dedup_window import HORIZON_MS, IdHorizon
from tests.support.events import NOON, fresh_id

TAILS = [b"%016x" % number for number in range(40)]


def test_an_id_that_came_again_after_the_horizon_is_known_after_a_recovery() -> None:
    """The ring still holds the chunk of the first time, which is let go; the second time must not go with it."""
    horizon, kept = IdHorizon(), dict[str, bytes]()
    tail = fresh_id()[20:].encode()
    for now in (NOON, NOON + HORIZON_MS + 1):
        horizon.roll(now)
        assert not horizon.repeats([tail], now)
        kept.update(horizon.changes())
    restored = IdHorizon()
    restored.restore(list(kept.values()), now)
    assert len(kept) == 2
    assert restored.repeats([tail], now) == {0}


@pytest.fixture(scope="module", autouse=True)
def small_ring() -> object:
    """So small that ids are let go all the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(horizons, "CHUNK_IDS", 3)
        patch.setattr(horizons, "MAX_CHUNKS", 4)
        yield


@given(st.lists(st.sampled_from(TAILS), max_size=60), st.lists(st.integers(0, 60)), st.integers(0, 60))
def test_any_cuts_and_a_recovery_anywhere_find_the_same_repeats(
    log: list[bytes], cuts: Sequence[int], crash: int
) -> None:
    one_by_one = IdHorizon()
    expected = {place for place, tail in enumerate(log) if one_by_one.repeats([tail], NOON)}
    horizon, kept, found, start = IdHorizon(), dict[str, bytes](), set[int](), 0
    for cut in [*sorted(cut for cut in {*cuts, crash} if cut <= len(log)), len(log)]:
        found |= {start + place for place in horizon.repeats(log[start:cut], NOON)}
        kept.update(horizon.changes())
        if cut == crash:
            horizon = IdHorizon()
            horizon.restore(list(kept.values()), NOON)
        start = cut
    assert found == expected
