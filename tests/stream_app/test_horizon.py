"""What is remembered of ids after a recovery is what was remembered before."""

from stream_app.horizon import HORIZON_MS, IdHorizon
from tests.events import NOON, fresh_id


def test_an_id_that_came_again_after_the_horizon_is_known_after_a_recovery() -> None:
    """The ring still holds the chunk of the first time, which is let go; the second time must not go with it."""
    horizon, kept = IdHorizon(), dict[str, bytes]()
    event_id = fresh_id()
    for now in (NOON, NOON + HORIZON_MS + 1):
        horizon.roll(now)
        assert not horizon.is_repeat(event_id, now)
        kept.update(horizon.changes())
    restored = IdHorizon()
    restored.restore(list(kept.values()), now)
    assert len(kept) == 2
    assert restored.is_repeat(event_id, now)
