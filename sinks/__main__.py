"""`python -m sinks` lands events in Postgres. Its commands `maintain` and `migrate` are in `sinks.commands`."""

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from avro_schemas import topic as topics
from service_kit import tracing
from service_kit.kafka import membership, watch
from service_kit.kafka.topic_log import wait_for_cluster_id
from service_kit.kafka.topic_watch import TopicWatch
from service_kit.kafka.unreadable import StoppedPartitions
from service_kit.probes import Health, Probes
from service_kit.settings import load_or_exit
from service_kit.startup import begin
from sinks import metrics
from sinks.canary import Canary, CollectorClient
from sinks.commands import MaintenanceThread, maintain_command, migrate_command
from sinks.corrections.outbox import Outbox as CorrectionOutbox
from sinks.corrections.relay import CorrectionRelay
from sinks.dead_letters.outbox import Outbox
from sinks.dead_letters.relay import Relay
from sinks.group_watch import GroupWatch
from sinks.landing.errors import CannotContinue
from sinks.landing.kafka_source import KafkaSource
from sinks.landing.loop import BatchLimits, Landing
from sinks.landing.ports import EventStore
from sinks.postgres.gauges import DatabaseGauges
from sinks.postgres.store import PostgresStore
from sinks.retention_watch import RetentionWatch
from sinks.settings import Settings
from sinks.visits.deriver import Deriver
from sinks.visits.relay import VisitRelay

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

log = logging.getLogger("sinks")

EXIT_FAILED = 70
STUCK_SECONDS = 180.0
# How long an answer of Postgres may take beyond the timeout of its statement.
_NETWORK_SECONDS = 5.0


_USAGE = """usage: python -m sinks [COMMAND]

commands:
  land      land events from Kafka in Postgres until a signal (default)
  migrate   apply missing migrations, or check for them; see migrate --help
  maintain  run one round of maintenance; see maintain --help"""


def main() -> None:
    """Run the command that the first argument names; `land` without one."""
    command, *arguments = sys.argv[1:] or ["land"]
    if command in ("-h", "--help"):
        sys.stdout.write(_USAGE + "\n")
        return
    if command not in _COMMANDS:
        sys.exit(f'There is no command "{command}". Commands: {", ".join(_COMMANDS)}.')
    _COMMANDS[command](arguments)


def land(_arguments: Sequence[str]) -> None:
    """Land events until a signal."""
    settings = load_or_exit(Settings, os.environ)
    begin("sinks", os.environ, level=settings.log_level, kafka=settings.kafka)
    # A batch that is being written is rolled back, and fetched again by the next start.
    membership.install(os._exit)
    watch.watch(settings.kafka, os._exit)
    # Rows hold no reference cycles, and looking for some costs a quarter of the time that decoding takes.
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    try:
        asyncio.run(_run(settings))
    except CannotContinue as error:
        log.critical("%s", error)
        sys.exit(EXIT_FAILED)


async def _run(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    # First, as Kubernetes asks from the start on, and Kafka may answer much later.
    health = _Health(lambda: watched.reason() or retention.reason())
    retention = RetentionWatch(lambda: health.landing.lag_seconds if health.landing else 0.0)
    watched = TopicWatch(settings.kafka, topics.used_by("sinks"), topics.EVENTS, on_described=retention.note)
    _start_probes(settings.probe_host, settings.probe_port, health)
    watched.start()
    topic = settings.kafka.name(topics.EVENTS)
    cluster_id = await wait_for_cluster_id(settings.kafka, topic, stopping)
    source, store = KafkaSource(settings, topic), _postgres_store(settings, cluster_id, topic)
    health.stopped = source.stopped
    tracer = tracing.tracer("footfall-sinks", os.environ)
    landing = health.landing = Landing(
        source,
        _traced(store, tracer) if tracer else store,
        BatchLimits(
            settings.batch_rows, settings.batch_max_rows, settings.batch_max_bytes, settings.batch_max_age_seconds
        ),
        store_timeout_seconds=settings.statement_timeout_seconds + _NETWORK_SECONDS,
        accept_gap=settings.accept_gap,
        accept_dead_letters=settings.accept_dead_letters,
    )
    group = health.group = GroupWatch(settings.kafka, source)
    relay = Relay(settings.kafka, Outbox(settings.postgres))
    corrections = CorrectionRelay(settings.kafka, CorrectionOutbox(settings.postgres, cluster_id, topic))
    maintenance = MaintenanceThread(settings.postgres, settings.retention, settings.maintenance_interval_seconds)
    if settings.maintenance_interval_seconds:
        maintenance.start()
    DatabaseGauges(settings.postgres).start()
    deriver = Deriver(settings.postgres, timedelta(minutes=settings.visit_gap_minutes))
    deriver.start()
    try:
        await source.start()
        await _run_all(
            stopping,
            landing.run(stopping),
            relay.run(stopping),
            corrections.run(stopping),
            VisitRelay(settings.kafka, settings.postgres).run(stopping),
            group.run(stopping),
            _send_canaries(settings, stopping),
        )
    finally:
        maintenance.stop()
        deriver.stop()
        await source.stop()
        store.close()


async def _send_canaries(settings: Settings, stopping: asyncio.Event) -> None:
    if settings.canary_url:
        collector = CollectorClient(
            settings.canary_url.rstrip("/"), settings.canary_key and settings.canary_key.reveal()
        )
        await Canary(collector, settings.postgres, settings.canary_interval_seconds).run(stopping)


async def _run_all(stopping: asyncio.Event, *coroutines: Coroutine[None, None, None]) -> None:
    """Wait until all have ended. If one fails, the others are stopped."""
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


def _postgres_store(settings: Settings, cluster_id: str, topic: str) -> PostgresStore:
    return PostgresStore(
        settings.postgres,
        cluster_id=cluster_id,
        topic=topic,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        accept_new_topic=settings.accept_new_topic,
        statement_timeout_seconds=settings.statement_timeout_seconds,
        max_proposed_event_types=settings.max_proposed_event_types,
    )


def _traced(store: PostgresStore, tracer: "Tracer") -> EventStore:
    # Here, as OpenTelemetry is installed only where traces are wanted.
    from sinks.landing.tracing import TracedStore

    return TracedStore(store, tracer)


class _Health:
    """What the probes answer. Without Kafka there is nothing to land yet, and no reason to be restarted."""

    landing: Landing | None = None
    stopped: StoppedPartitions | None = None
    group: GroupWatch | None = None

    def __init__(self, topic_faults: Callable[[], str | None]) -> None:
        self._topic_faults = topic_faults

    def live(self) -> Health:
        idle = time.monotonic() - self.landing.last_step_at if self.landing else 0
        if idle < STUCK_SECONDS:
            return Health(True)
        faulthandler.dump_traceback(all_threads=True)  # shows where it is stuck, before it is killed
        return Health(False, f"the landing loop has been stuck for {idle:.0f} s")

    def ready(self) -> Health:
        if faults := self._topic_faults():
            return Health(False, faults)
        if self.group and self.group.foreign:
            return Health(False, self.group.foreign)
        if self.positioned():
            damage = self.stopped and self.stopped.reason()
            return Health(False, damage) if damage else Health(True)
        if self.landing is None:
            return Health(False, "waiting for Kafka")
        return Health(False, self.landing.halted_by or "waiting for partitions or for Postgres")

    def positioned(self) -> bool:
        return self.landing is not None and self.landing.positioned


def _start_probes(host: str, port: int, health: _Health) -> None:
    metrics.READY.set_function(health.positioned)
    Probes(port, host=host, live=health.live, ready=health.ready, metrics=metrics.REGISTRY).start()


_COMMANDS = {"land": land, "maintain": maintain_command, "migrate": migrate_command}

if __name__ == "__main__":
    main()
