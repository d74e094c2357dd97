"""Builds the Faust application from settings."""

import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import faust

from avro_schemas import topic
from service_kit import tracing
from service_kit.background import watched
from service_kit.kafka.consumer import step_over
from service_kit.kafka.record_batches import BATCH_BYTES
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.unreadable import StoppedPartitions
from stream_app.engine.agent import fold_batches
from stream_app.engine.app import FootfallApp
from stream_app.engine.assignment import watch_assignment
from stream_app.engine.checkpoint import EXIT_FAILED, Checkpoints
from stream_app.engine.consumer import BatchConsumer, IdempotentProducer, RawBatches, started_producer
from stream_app.engine.corrections import CorrectionsReader
from stream_app.engine.log_check import watch_topic
from stream_app.engine.partitions import OwnedPartitions
from stream_app.engine.refetch import refetch_missed
from stream_app.engine.table import StateTable
from stream_app.outputs import TopicOutputs
from stream_app.settings import Settings
from stream_app.state.dimensions import LIVE_AGGREGATES, Dimensions
from stream_app.state.partition import PartitionState

# Faust's app id is also its consumer group and the first part of its changelog's name, `STREAM_STATE`.
APP_ID = topic.named(topic.EVENTS).consumer_groups["stream_app"]
TABLE = "state"


def build_app(settings: Settings, dimensions: Dimensions = LIVE_AGGREGATES) -> FootfallApp:
    """The application, ready to be started by a worker. Its topics must exist."""
    app = FootfallApp(settings.kafka.name(APP_ID), **_options(settings))
    changelog_topic = app.changelog_topic = settings.kafka.name(topic.STREAM_STATE)
    app.owned = OwnedPartitions(lambda: _new_state(settings, dimensions), changelog_topic)
    step_over(settings.skip.places())
    app.kafka, app.accept_new_topic = settings.kafka, settings.accept_new_topic
    app.events_topic = settings.kafka.name(topic.EVENTS)
    app.stopped = StoppedPartitions({changelog_topic: app.events_topic})
    app.fold_span = _fold_span()
    outputs = TopicOutputs(settings)
    app.checkpoints = Checkpoints(
        app.owned,
        changelog_topic,
        outputs,
        interval_seconds=settings.checkpoint_interval_seconds,
        group_session_timeout_seconds=settings.group_session_timeout_seconds,
    )
    app.transport.Consumer = BatchConsumer
    app.producer_transport.Producer = IdempotentProducer
    app.transport.Producer = IdempotentProducer
    _declare(app, changelog_topic, outputs)
    return app


def _fold_span() -> Callable[[int, Sequence[Any]], AbstractContextManager[Any]]:
    tracer = tracing.tracer("footfall-stream-app", os.environ)
    if tracer is None:
        return lambda _partition, _records: nullcontext()
    from stream_app.tracing import FoldSpans

    return FoldSpans(tracer)


def _new_state(settings: Settings, dimensions: Dimensions) -> PartitionState:
    return PartitionState(
        dimensions,
        limit=settings.events_per_minute,
        min_total_events=settings.user_totals_min_events,
        grace_ms=settings.grace_seconds * 1000,
        copied_types=settings.event_topics.event_topics,
    )


def _declare(app: FootfallApp, changelog_topic: str, outputs: TopicOutputs) -> None:
    app.Table(
        TABLE,
        changelog_topic=app.topic(changelog_topic, schema=RawBatches(), internal=True),
        # In lists of records. With 1 Faust would go on reading the changelog after a recovery; its default of
        # 1,000 would hold as many lists in memory.
        recovery_buffer_size=2,
    )

    @app.agent(app.topic(app.events_topic, schema=RawBatches()))  # type: ignore[untyped-decorator] # Faust has no types
    async def fold(stream: Any) -> None:
        await fold_batches(app, stream.events())

    async def start_producer() -> None:
        outputs.producer = app.checkpoints.producer = await started_producer(app)

    app.start_producer = start_producer

    @app.task  # type: ignore[untyped-decorator] # Faust has no types
    async def checkpoint() -> None:
        await app.start_producer()
        await _watched(app, "writing checkpoints", app.checkpoints.run())

    @app.task  # type: ignore[untyped-decorator] # Faust has no types
    async def watch_for_freezes() -> None:
        await _watched(app, "the watch for freezes", app.checkpoints.watch_for_freezes())

    @app.task  # type: ignore[untyped-decorator] # Faust has no types
    async def refetch() -> None:
        await _watched(app, "fetching missed records", refetch_missed(app))

    @app.task  # type: ignore[untyped-decorator] # Faust has no types
    async def corrections() -> None:
        await _watched(app, "reading corrections", CorrectionsReader(app).run())

    @app.task  # type: ignore[untyped-decorator] # Faust has no types
    async def assignment() -> None:
        await _watched(app, "the watch of the assignment", watch_assignment(app))

    @app.task  # type: ignore[untyped-decorator] # Faust has no types
    async def watch_events() -> None:
        await _watched(app, "the watch for another topic", watch_topic(app))


async def _watched(app: FootfallApp, name: str, work: Coroutine[Any, Any, None]) -> None:
    """Faust ends with a task that raises, but not with one that returns or is cancelled.

    Its graceful stop would write a last checkpoint and commit, so this ends at once, as after other faults.
    """
    await watched(name, work, may_end=lambda: bool(app.should_stop), on_end=lambda: os._exit(EXIT_FAILED))


def _options(settings: Settings) -> dict[str, Any]:
    kafka = settings.kafka
    return {
        "broker": [f"kafka://{server}" for server in kafka.kafka_bootstrap.split(",")],
        # By this our members are known from others in the group.
        "broker_client_id": APP_ID,
        "broker_credentials": _credentials(kafka),
        "Table": StateTable,
        "store": "memory://",
        "table_standby_replicas": 0,
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "web_enabled": False,
        "stream_wait_empty": True,
        # In batches, not in events.
        "stream_buffer_maxsize": 8,
        "broker_max_poll_records": 4000,
        "broker_commit_interval": 1.0,
        "broker_session_timeout": settings.group_session_timeout_seconds,
        "broker_heartbeat_interval": settings.group_session_timeout_seconds / 5,
        "broker_request_timeout": max(40.0, settings.group_session_timeout_seconds * 2),
        "consumer_group_instance_id": settings.group_instance_id,
        "producer_linger": 0,
        "producer_max_batch_size": BATCH_BYTES,
        "producer_max_request_size": 1_000_000,
        "producer_request_timeout": 20.0,
    }


def _credentials(kafka: KafkaSettings) -> Any:
    context = kafka.ssl_context()
    if kafka.uses_oauth:
        return faust.OAuthCredentials(oauth_cb=kafka.oauth.token_provider(), ssl_context=context)
    if kafka.uses_sasl:
        password = kafka.kafka_sasl_password
        return faust.SASLCredentials(
            username=kafka.kafka_sasl_username,
            password=password.reveal() if password else None,
            mechanism=kafka.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
