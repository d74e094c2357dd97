"""The Faust application class: an App that knows its partitions."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import faust

from stream_app.engine.checkpoint import Checkpoints
from stream_app.engine.partitions import OwnedPartitions


class ExactApp(faust.App):  # type: ignore[misc] # Faust has no types here
    """An App whose consumer, table and checkpoints meet in `owned`."""

    owned: OwnedPartitions
    checkpoints: Checkpoints
    events_topic: str
    # What to be in while the records of a partition are folded: nothing, or a span of a trace.
    around_fold: Callable[[int, Sequence[Any]], AbstractContextManager[Any]]

    def _create_directories(self) -> None:
        """The state is in memory and in Kafka; nothing is kept in folders."""
