"""Records of `live-aggregates` for the dashboard's tests."""

from typing import Any

from avro_schemas.live_aggregates import MINUTE_MS
from dashboard.live.state import LiveState
from tests.support.events import NOON

MINUTE = NOON // MINUTE_MS * MINUTE_MS


def partial(
    dimension: str, start: int = MINUTE, partition: int = 0, offset: int = 1, **more: Any
) -> dict[str, Any]:
    """A partial of a minute, or since the beginning where `start` is 0."""
    return {
        "dimension": dimension,
        "window_start": start,
        "window_seconds": 60 if start else 0,
        "partition": partition,
        "source_offset": offset,
        "watermark": NOON + offset,
        "counts": {},
        "sketch": None,
    } | more


def state_of(*partials: dict[str, Any]) -> LiveState:
    state = LiveState()
    for each in partials:
        state.merge(each)
    state.advance(NOON)
    return state
