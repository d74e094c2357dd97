"""States of a partition for tests, and what they hold and emit."""

from collections.abc import Sequence

from avro_schemas.correction import Correction
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.partition import PartitionState
from stream_app.state.snapshot import Snapshot
from stream_app.state.top_names import Counts
from tests.support.events import Record, user_key

MINUTE, HOUR = 60_000, 3_600_000
LIMIT = 5
# As record keys.
ANN, BOB = (user_key(name).hex().encode() for name in ("ann", "bob"))


def new_state() -> PartitionState:
    return PartitionState(LIVE_AGGREGATES, limit=LIMIT, min_total_events=1, grace_ms=10 * MINUTE)


def everything(state: PartitionState) -> Snapshot:
    """All that a state holds and emits."""
    state.mark_all_dirty()
    snapshot = state.snapshot()
    assert snapshot is not None
    return Snapshot(
        snapshot.position,
        snapshot.fence,
        snapshot.watermark,
        sorted(snapshot.values),
        # Expired windows and users below the limit again are emitted once; readers know both by the times in earlier
        # records.
        [partial for partial in snapshot.partials if partial.counts is not None],
        [verdict for verdict in snapshot.verdicts if verdict.blocked_until],
        minute_totals=[],
        rejected=[],
        copies=[],
    )


def emitted(state: PartitionState) -> dict[tuple[str, int], dict[int, Counts | None]]:
    """The windows that a snapshot emits, by dimension and length, by start."""
    snapshot, found = state.snapshot(), dict[tuple[str, int], dict[int, Counts | None]]()
    assert snapshot is not None
    for partial in snapshot.partials:
        found.setdefault((partial.dimension, partial.window_ms), {})[partial.start] = partial.counts
    return found


def correction(number: int, record: Record, *, is_row: bool, reason: str = "", again: bool = False) -> Correction:
    """What the sinks say about a record of the topic."""
    return Correction(
        number=number,
        topic_id="",
        event_offset=record.offset,
        event_id="",
        is_row=is_row,
        reason=reason,
        again=again,
        appended_at=record.timestamp,
        key=record.key,
        event=record.value or b"",
    )


def folded(records: Sequence[Record]) -> PartitionState:
    state = new_state()
    fold(state, records)
    return state


def fold(state: PartitionState, records: Sequence[Record]) -> list[Snapshot]:
    """Fold all records, with the snapshots that this needs."""
    left, snapshots = state.apply(records), []
    while left:
        snapshot = state.snapshot()
        assert snapshot is not None
        snapshots.append(snapshot)
        left = state.apply(left)
    return snapshots
