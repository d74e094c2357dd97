"""The partitions that this worker owns, and where they are in the cycle of recovery and work."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from stream_app import metrics
from stream_app.engine.changelog import Recovery
from stream_app.state.partition import PartitionState
from stream_app.state.snapshot import CONTROL

log = logging.getLogger(__name__)


@dataclass(slots=True)
class OwnedPartition:
    """A partition's state, and how far it is durable."""

    state: PartitionState
    # The offset that may be committed: every record before it is in a complete checkpoint whose outputs are
    # acknowledged. Always at or below `state.position + 1`.
    durable: int
    # The offset that our next write to the changelog gets if nobody else writes there. None if the changelog was
    # empty at the recovery, until our first write.
    changelog_next: int | None
    # Where the batch behind the newest gap begins, and how often in a row it came.
    gap_at: int = -1
    gap_fetches: int = 0
    # Whether the outputs know what a former owner published.
    taken_over: bool = False


class OwnedPartitions:
    """The partitions of this worker.

    A rebalance clears them. They are `recovered` when their states are restored from the changelog, and
    `accepting` when the consumer has then been positioned at the states' own positions: only then are records
    folded, checkpoints written and offsets committed. `accepting` implies `recovered`.
    """

    def __init__(self, new_state: Callable[[], PartitionState], changelog_topic: str = "of the state") -> None:
        self._new_state, self._changelog_topic = new_state, changelog_topic
        self.partitions: dict[int, OwnedPartition] = {}
        self.recovered = False
        self.accepting = False
        self._recoveries: dict[int, Recovery] = {}
        self._recovery_started = time.monotonic()

    def clear(self) -> None:
        """At a rebalance: drop everything, to read it again from the changelog."""
        self.recovered = self.accepting = False
        self.partitions.clear()
        self._recoveries.clear()
        self._recovery_started = time.monotonic()
        # The partitions may go to other workers, who report them then.
        metrics.PARTITION_LAG.clear()
        metrics.PARTITION_OFFSET.clear()

    def mark_all_dirty(self) -> None:
        """Write and emit everything again at the next checkpoint."""
        for owned in self.partitions.values():
            owned.state.mark_all_dirty()

    def read_changelog(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Take the next record of a partition's changelog."""
        self._recoveries.setdefault(partition, Recovery()).read(offset, key, value)

    def skip_changelog(self, partition: int, offset: int, *, is_lost: bool) -> None:
        """Take note of a record of a partition's changelog that cannot be read."""
        recovery = self._recoveries.setdefault(partition, Recovery())
        if is_lost:
            recovery.lose(offset)
        else:
            recovery.read(offset, None, None)

    def progress(self) -> dict[int, int]:
        """How far the partitions are, or the recovery that is going on: equal values if nothing moved."""
        positions = {number: owned.state.position for number, owned in list(self.partitions.items())}
        return positions or {number: each.next_offset for number, each in list(self._recoveries.items())}

    def finish_recovery(self, partitions: set[int]) -> None:
        """Restore these partitions, which are all that we own, from what was read."""
        for partition in sorted(partitions):
            self.partitions[partition] = self._restored(partition, self._recoveries.get(partition, Recovery()))
        self._recoveries.clear()
        self.recovered = True
        metrics.RECOVERIES.inc()
        metrics.PARTITIONS.set(len(partitions))
        metrics.RECOVERY_SECONDS.set(time.monotonic() - self._recovery_started)

    def lag(self, end_offsets: dict[int, int]) -> int:
        """Records that are in the topic and not in a durable checkpoint."""
        return sum(
            max(0, end - self.partitions[p].durable) for p, end in end_offsets.items() if p in self.partitions
        )

    def _restored(self, partition: int, recovery: Recovery) -> OwnedPartition:
        state = self._new_state()
        values = recovery.values()
        if values is not None:
            try:
                state.restore(values)
            except Exception:  # rubbish can raise anything
                state = self._new_state()
                state.restore(self._readable(partition, values))
        elif recovery.is_lost:
            log.error(
                "the state of partition %d was in damaged batches of %s: counting it again, from the first record "
                "that Kafka still has",
                *(partition, self._changelog_topic),
            )
        # All of it is written and emitted: the crash may have come between the state and its outputs.
        state.begin_term(recovery.next_term)
        if recovery.passed_over_count:
            metrics.CHANGELOG_FOREIGN_RECORDS.inc(recovery.passed_over_count)
            log.warning(
                "%d records of the changelog %s/%d are not of the state and are passed over, first at offsets %s",
                *(recovery.passed_over_count, self._changelog_topic, partition, recovery.passed_over),
            )
        if recovery.torn or recovery.foreign_writes:
            log.warning(
                "the changelog has a torn checkpoint at its end or foreign writes; writing all of the state"
            )
        return OwnedPartition(state, durable=state.position + 1, changelog_next=recovery.next_offset or None)

    def _readable(self, partition: int, values: dict[str, bytes]) -> dict[str, bytes]:
        """Without the values that no state can take over: a record of others had a key of ours."""
        unreadable = unreadable_values(self._new_state, values)
        if unreadable:
            metrics.CHANGELOG_FOREIGN_RECORDS.inc(len(unreadable))
            log.error(
                "the changelog %s/%d has values that are not of the state, under these of its keys: %s; what they "
                "replaced is missing from the counts",
                *(self._changelog_topic, partition, sorted(unreadable)),
            )
        return {key: value for key, value in values.items() if key not in unreadable}


def unreadable_values(new_state: Callable[[], PartitionState], values: dict[str, bytes]) -> set[str]:
    """The keys of values that a state cannot take over. Halves them until each of those is alone."""
    try:
        new_state().restore(values)
    except Exception:  # rubbish can raise anything
        others = [key for key in values if key != CONTROL]
        if len(others) <= 1:
            return set(others)
        control, middle = {CONTROL: values[CONTROL]}, len(others) // 2
        halves = ({key: values[key] for key in half} for half in (others[:middle], others[middle:]))
        return {key for half in halves for key in unreadable_values(new_state, control | half)}
    return set()
