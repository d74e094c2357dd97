"""The table through which Faust recovers the state; nothing is ever written through it."""

import logging
import os
from collections.abc import Iterable
from typing import Any

import faust

from service_kit.kafka.unreadable import UnreadableRecord
from stream_app import metrics
from stream_app.engine.app import FootfallApp
from stream_app.engine.checkpoint import EXIT_FAILED

log = logging.getLogger(__name__)


class StateTable(faust.Table):  # type: ignore[misc] # Faust has no types here
    """Hands the changelog, list by list, to the owned partitions."""

    app: FootfallApp

    async def on_rebalance(self, assigned: Any, revoked: Any, newly_assigned: Any, generation_id: int = 0) -> None:
        """Forget all partitions, also those that stay: Faust would resume their recovery from a stale offset."""
        self.app.owned.clear()
        self.app.stopped.clear()
        metrics.DAMAGED_BATCH_OFFSET.clear()
        self.app.tables.recovery.active_offsets.clear()
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Events of the changelog carry lists of records, as those of `events` do."""
        for event in batch:
            for record in event.value:
                if type(record) is not UnreadableRecord:
                    self.app.owned.read_changelog(event.message.partition, record.offset, record.key, record.value)
                else:
                    self.app.owned.skip_changelog(event.message.partition, record.offset, is_lost=record.is_lost)

    async def on_recovery_completed(self, active_tps: Any, standby_tps: Any) -> None:
        """The whole changelog is read: restore the partitions that are ours. Any error ends the process."""
        try:
            self.app.owned.finish_recovery({tp.partition for tp in active_tps})
        except Exception:
            # Faust never looks at how this ended: the worker would own nothing, and wait.
            log.exception("the state cannot be restored; exiting")
            os._exit(EXIT_FAILED)
        await super().on_recovery_completed(active_tps, standby_tps)
