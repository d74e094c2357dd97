"""The Faust application class."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import faust

from service_kit.background import end_in_time
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.unreadable import StoppedPartitions
from stream_app.engine.checkpoint import Checkpoints
from stream_app.engine.partitions import OwnedPartitions


class FootfallApp(faust.App):  # type: ignore[misc] # Faust has no types here
    """An App that holds what consumer, table, agent and checkpoints share."""

    # Whether Faust has made its consumer. Until then no other thread may ask for it, or for the event loop: who
    # asks first makes them, with an event loop of its own, and the worker could not start.
    has_consumer = False
    owned: OwnedPartitions
    checkpoints: Checkpoints
    # Partitions that are not fetched from, as a damaged batch comes next.
    stopped: StoppedPartitions
    kafka: KafkaSettings
    events_topic: str
    changelog_topic: str
    # Whether a person lets states go on although `events` is another log than theirs.
    accept_new_topic: bool
    # Starts the producer of checkpoints and outputs, if it is not started yet.
    start_producer: Callable[[], Awaitable[None]]
    # The context in which the records of a partition are folded: nothing, or a span of a trace.
    fold_span: Callable[[int, Sequence[Any]], AbstractContextManager[Any]]

    def _create_directories(self) -> None:
        """None: the state is in memory and in Kafka."""


class Worker(faust.Worker):  # type: ignore[misc] # Faust has no types here
    """Faust's worker, without its logging."""

    def _setup_logging(self) -> None:
        """`service_kit.startup` has set it up, in JSON lines."""

    def stop_and_shutdown(self) -> None:
        """Stop, in bounded time: after a start that failed, Faust waits for threads that do not end."""
        end_in_time()
        super().stop_and_shutdown()
