"""The partitions that this worker owns, and where they stand in the cycle of recovery and work."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from stream_app import metrics
from stream_app.engine.changelog import Recovery
from stream_app.state.partition import PartitionState

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Owned:
    """A partition's state, and how far it is durable.

    `durable` is the offset that may be committed: everything before it is in a checkpoint. `log_next` is the
    offset that our next write to the state's log must get, if nobody else writes there.
    """

    state: PartitionState
    durable: int
    log_next: int | None
    hole_at: int = -1
    holes: int = 0


class OwnedPartitions:
    """What this worker holds. Records are folded only while `open`."""

    def __init__(self, new_state: Callable[[], PartitionState]) -> None:
        self._new_state = new_state
        self.partitions: dict[int, Owned] = {}
        self.ready = False
        self.open = False
        self._recoveries: dict[int, Recovery] = {}
        self._recovery_started = time.monotonic()

    def forget(self) -> None:
        """A rebalance: drop everything and read it again from the log."""
        self.ready = self.open = False
        self.partitions.clear()
        self._recoveries.clear()
        self._recovery_started = time.monotonic()
        # They may go to other workers, who tell of them then.
        metrics.PARTITION_LAG.clear()
        metrics.PARTITION_OFFSET.clear()

    def change_all(self) -> None:
        """Write and tell everything again at the next checkpoint."""
        for owned in self.partitions.values():
            owned.state.change_all()

    def recover(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Take the next record of the state's log."""
        if key is not None and value is not None:
            self._recoveries.setdefault(partition, Recovery()).read(offset, key, value)

    def finish_recovery(self, partitions: set[int]) -> None:
        """Restore these partitions, which are the ones we own, from what was read."""
        for partition in sorted(partitions):
            self.partitions[partition] = self._restored(self._recoveries.get(partition, Recovery()))
        self._recoveries.clear()
        self.ready = True
        metrics.RECOVERIES.inc()
        metrics.PARTITIONS.set(len(partitions))
        metrics.RECOVERY_SECONDS.set(time.monotonic() - self._recovery_started)

    def lag(self, highwater: dict[int, int]) -> int:
        """Records that are in the topic and not in a durable checkpoint."""
        return sum(
            max(0, end - self.partitions[p].durable) for p, end in highwater.items() if p in self.partitions
        )

    def _restored(self, recovery: Recovery) -> Owned:
        state = self._new_state()
        values = recovery.values()
        if values is not None:
            state.restore(values)
            # What was told to the world before the crash may be older than this.
            state.change_all()
        if recovery.torn or recovery.disorder:
            log.warning("the state's log ended in a torn checkpoint or held foreign writes; writing it anew")
        # Nothing written yet: the next offset is unknown until our first write.
        return Owned(state, durable=state.position + 1, log_next=recovery.next_offset or None)
