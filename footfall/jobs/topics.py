"""`python -m footfall.jobs.topics`: make the topics that a cluster lacks; for a job of the chart or of compose.

It needs no more than the services' own libraries, so that it runs from the image of any of them.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from aiokafka.errors import KafkaError

from footfall.kafka.topics import Layout, OnDemand, Report, check, create_missing
from service_kit import logs
from service_kit.kafka import KafkaSettings
from service_kit.settings import load_or_exit, setting

log = logging.getLogger("topics")

NOT_THERE = 1
_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    kafka: KafkaSettings
    topic_partitions: int | None = setting(None, help="Partitions of new topics.", minimum=1)
    topic_replication_factor: int = setting(1, help="Copies of each partition of new topics.", minimum=1)
    topic_min_insync_replicas: int | None = setting(
        None, help="Copies that must have a record to be written.", minimum=1
    )
    on_demand: OnDemand
    create_topics: bool = setting(True, help="Make what is missing; else wait until somebody else has made it.")
    wait_timeout_seconds: float = setting(60.0, help="How long to wait for Kafka, or for the topics.", minimum=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help="What to log.")


def main() -> None:
    """Exit codes: 0 all topics are there, 1 some are not, or Kafka does not answer."""
    settings = load_or_exit(Settings, os.environ)
    logs.configure("topics", settings.log_level)
    reports = asyncio.run(_make(settings))
    _tell(reports)
    sys.exit(NOT_THERE if not _all_there(reports) else 0)


async def _make(settings: Settings) -> list[Report]:
    """What became of the topics; nothing while Kafka does not answer within the time."""
    layout = Layout(
        partitions=settings.topic_partitions,
        replication=settings.topic_replication_factor,
        min_insync=settings.topic_min_insync_replicas,
    )
    deadline = time.monotonic() + settings.wait_timeout_seconds
    make = create_missing if settings.create_topics else check
    reports: list[Report] = []
    while not _all_there(reports):
        try:
            reports = await make(settings.kafka, layout)
        except (KafkaError, OSError) as error:
            log.warning("Kafka refuses or cannot be reached", extra={"error": repr(error)})
        if _all_there(reports) or time.monotonic() > deadline:
            break
        await asyncio.sleep(_PAUSE_SECONDS)
    return reports


def _all_there(reports: Iterable[Report]) -> bool:
    states = [report.state for report in reports]
    return bool(states) and "missing" not in states


def _tell(reports: Iterable[Report]) -> None:
    for report in reports:
        extra = {"topic": report.topic}
        if report.differences:
            # An operator may have reasons: it is said, and left alone.
            log.warning("the topic differs: %s", "; ".join(report.differences), extra=extra)
        elif report.state == "missing":
            log.error("the topic is missing", extra=extra)
        else:
            log.info("the topic is %s", "created" if report.state == "created" else "there", extra=extra)


if __name__ == "__main__":
    main()
