"""The Faust application class: an App that knows its partitions."""

import faust

from stream_app.engine.owned import OwnedPartitions


class ExactApp(faust.App):  # type: ignore[misc] # Faust has no types here
    """An App whose consumer, table and checkpoints meet in `owned`."""

    owned: OwnedPartitions
    events_topic: str

    def _create_directories(self) -> None:
        """The state is in memory and in Kafka; nothing is kept in folders."""
