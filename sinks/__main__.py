"""`python -m sinks [land]`: land events in Postgres; `maintain` and `migrate` are in `sinks.commands`."""

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from avro_schemas import topic as topics
from service_kit import tracing
from service_kit.probes import Health, Probes
from service_kit.settings import load_or_exit
from service_kit.startup import begin
from sinks import metrics
from sinks.canary import Canary, CollectorClient
from sinks.commands import MaintenanceThread, maintain_command, migrate_command
from sinks.dead_letters.outbox import Outbox
from sinks.dead_letters.relay import Relay
from sinks.landing.errors import CannotGoOn
from sinks.landing.kafka_source import KafkaSource
from sinks.landing.loop import Landing, Limits
from sinks.landing.ports import EventStore
from sinks.landing.topic_id import identity
from sinks.postgres.gauges import Watch
from sinks.postgres.store import PostgresStore
from sinks.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

log = logging.getLogger("sinks")

EXIT_FAILED = 70
STUCK_SECONDS = 180.0
_KAFKA_PAUSE = 1.0
# What an answer of Postgres may take beyond its statement.
_NETWORK_SECONDS = 5.0


def main() -> None:
    """Do what the first argument says."""
    command, *arguments = sys.argv[1:] or ["land"]
    if command not in _COMMANDS:
        sys.exit(f'There is no command "{command}"; there are {", ".join(_COMMANDS)}.')
    _COMMANDS[command](arguments)


def land(_arguments: Sequence[str]) -> None:
    """Run until a signal."""
    settings = load_or_exit(Settings, os.environ)
    begin("sinks", os.environ, level=settings.log_level, kafka=settings.kafka)
    # Rows hold no cycles; looking for some costs a quarter of the time that making them takes.
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    try:
        asyncio.run(_run(settings))
    except CannotGoOn as error:
        log.critical("%s", error)
        sys.exit(EXIT_FAILED)


async def _run(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    health = _start_probes(settings.probe_port)
    topic = settings.kafka.name(topics.EVENTS)
    cluster_id = await _cluster_id(settings, topic, stopping)
    source, store = KafkaSource(settings, topic), _store(settings, cluster_id, topic)
    tracer = tracing.tracer("footfall-sinks", os.environ)
    landing = health.landing = Landing(
        source,
        _traced(store, tracer) if tracer else store,
        Limits(
            settings.batch_rows, settings.batch_max_rows, settings.batch_max_bytes, settings.batch_max_age_seconds
        ),
        store_seconds=settings.statement_timeout_seconds + _NETWORK_SECONDS,
        accept_gap=settings.accept_gap,
        accept_dead_letters=settings.accept_dead_letters,
    )
    relay = Relay(settings.kafka, Outbox(settings.postgres_dsn.reveal()))
    maintenance = MaintenanceThread(
        settings.postgres_dsn.reveal(), settings.retention, settings.maintenance_interval_seconds
    )
    if settings.maintenance_interval_seconds:
        maintenance.start()
    Watch(settings.postgres_dsn.reveal()).start()
    try:
        await source.start()
        await _together(stopping, landing.run(stopping), relay.run(stopping), _send_canaries(settings, stopping))
    finally:
        maintenance.stop()
        await source.stop()
        store.close()


async def _send_canaries(settings: Settings, stopping: asyncio.Event) -> None:
    if settings.canary_url:
        collector = CollectorClient(
            settings.canary_url.rstrip("/"), settings.canary_key and settings.canary_key.reveal()
        )
        await Canary(collector, settings.postgres_dsn.reveal(), settings.canary_interval_seconds).run(stopping)


async def _together(stopping: asyncio.Event, *running: Coroutine[None, None, None]) -> None:
    """Until all have ended; where one fails, the others are told to stop."""
    tasks = [asyncio.create_task(each) for each in running]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


def _store(settings: Settings, cluster_id: str, topic: str) -> PostgresStore:
    return PostgresStore(
        settings.postgres_dsn.reveal(),
        cluster_id=cluster_id,
        topic=topic,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        accept_new_topic=settings.accept_new_topic,
        statement_timeout_seconds=settings.statement_timeout_seconds,
    )


def _traced(store: PostgresStore, tracer: "Tracer") -> EventStore:
    from sinks.landing.tracing import TracedStore

    return TracedStore(store, tracer)


async def _cluster_id(settings: Settings, topic: str, stopping: asyncio.Event) -> str:
    """Ask until Kafka answers: at a start it may be later than we are."""
    while not stopping.is_set():
        try:
            return (await identity(settings.kafka, topic)).cluster_id
        except (KafkaError, OSError) as error:
            log.warning("Kafka cannot be reached", extra={"error": repr(error)})
            await asyncio.sleep(_KAFKA_PAUSE)
    return ""


class _Health:
    """What the probes answer. Until Kafka has answered there is nothing to land, and no reason to be restarted."""

    landing: Landing | None = None

    def live(self) -> Health:
        idle = time.monotonic() - self.landing.last_turn if self.landing else 0
        if idle < STUCK_SECONDS:
            return Health(True)
        faulthandler.dump_traceback(all_threads=True)  # where it is stuck, before it is killed
        return Health(False, f"no turn for {idle:.0f} s")

    def ready(self) -> Health:
        return (
            Health(True) if self.in_step() else Health(False, "waiting for Kafka, for partitions or for Postgres")
        )

    def in_step(self) -> bool:
        return self.landing is not None and self.landing.in_step


def _start_probes(port: int) -> _Health:
    health = _Health()
    metrics.READY.set_function(health.in_step)
    Probes(port, live=health.live, ready=health.ready, metrics=metrics.REGISTRY).start()
    return health


_COMMANDS = {"land": land, "maintain": maintain_command, "migrate": migrate_command}

if __name__ == "__main__":
    main()
