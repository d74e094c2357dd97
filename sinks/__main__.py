"""`python -m sinks`: land events in Postgres."""

import asyncio
import logging
import os
import signal
import socket
import sys
import time

from aiokafka.errors import KafkaError

from avro_schemas import topics
from service_kit import logs
from service_kit.environment import load_or_exit
from service_kit.probes import Health, Probes
from sinks import metrics
from sinks.errors import CannotGoOn
from sinks.landing import Landing
from sinks.postgres import PostgresStore
from sinks.settings import Settings
from sinks.source import KafkaSource, cluster_id

log = logging.getLogger("sinks")

EXIT_FAILED = 70
STUCK_SECONDS = 60.0
_KAFKA_PAUSE = 1.0


def main() -> None:
    """Run until a signal."""
    settings = load_or_exit(Settings, os.environ)
    logs.configure("sinks", settings.log_level)
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
    topic = settings.kafka.name(topics.EVENTS)
    source = KafkaSource(settings, topic)
    store = PostgresStore(
        settings.postgres_dsn.reveal(),
        cluster_id=await _cluster_id(settings, stopping),
        topic=topic,
        owner=f"{socket.gethostname()}:{os.getpid()}",
    )
    landing = Landing(
        source,
        store,
        rows=settings.batch_rows,
        seconds=settings.batch_seconds,
        accept_gap=settings.accept_gap,
    )
    _start_probes(settings.probe_port, landing)
    try:
        await source.start()
        await landing.run(stopping)
    finally:
        await source.stop()
        store.close()


async def _cluster_id(settings: Settings, stopping: asyncio.Event) -> str:
    """Ask until Kafka answers: at a start it may be later than we are."""
    while not stopping.is_set():
        try:
            return await cluster_id(settings.kafka)
        except (KafkaError, OSError) as error:
            log.warning("Kafka cannot be reached", extra={"error": repr(error)})
            await asyncio.sleep(_KAFKA_PAUSE)
    return ""


def _start_probes(port: int, landing: Landing) -> None:
    def live() -> Health:
        idle = time.monotonic() - landing.last_turn
        return Health(True) if idle < STUCK_SECONDS else Health(False, f"no turn for {idle:.0f} s")

    def ready() -> Health:
        return Health(True) if landing.in_step else Health(False, "waiting for partitions or for Postgres")

    Probes(port, live=live, ready=ready, metrics=metrics.REGISTRY).start()


if __name__ == "__main__":
    main()
