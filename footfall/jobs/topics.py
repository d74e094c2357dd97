"""`python -m footfall.jobs.topics`: create missing topics and mend others, as a job of the chart or of Compose.

It needs only what every service installs, so it runs from any of their images.
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

from avro_schemas.installed import HELP as CONTRACT_HELP
from avro_schemas.installed import OwnContract
from footfall.kafka.topics import FAULTY, MISSING, TopicOptions, TopicReport, check_topics, create_missing
from service_kit import logs
from service_kit.event_topics import EventTopicsSettings
from service_kit.kafka.settings import KafkaSettings
from service_kit.settings import load_or_exit, setting

log = logging.getLogger("topics")

TOPICS_UNUSABLE = 1
_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    kafka: KafkaSettings
    contract: OwnContract | None = setting(None, help=CONTRACT_HELP)
    topic_partitions: int | None = setting(None, help="Partitions of new topics.", minimum=1)
    topic_replication_factor: int = setting(1, help="Replication factor of new topics.", minimum=1)
    topic_min_insync_replicas: int | None = setting(
        None,
        help="Replicas that must have a record before it is acknowledged, for new topics.",
        minimum=1,
    )
    event_topics: EventTopicsSettings
    create_topics: bool = setting(
        True,
        help="Create missing topics and mend those that services cannot work with; if false, wait until something"
        " else has done so.",
    )
    wait_timeout_seconds: float = setting(60.0, help="How long to wait for Kafka and for the topics.", minimum=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help="What to log.")


def main() -> None:
    """Exit codes: 0 services can work with the topics, 1 they cannot, or Kafka does not answer."""
    settings = load_or_exit(Settings, os.environ)
    logs.configure("topics", settings.log_level)
    reports = asyncio.run(_ensure_topics(settings))
    _log(reports, made=settings.create_topics)
    sys.exit(0 if _are_usable(reports) else TOPICS_UNUSABLE)


async def _ensure_topics(settings: Settings) -> list[TopicReport]:
    """The state of each topic; an empty list if Kafka did not answer in time."""
    options = TopicOptions(
        partitions=settings.topic_partitions,
        replication_factor=settings.topic_replication_factor,
        min_insync_replicas=settings.topic_min_insync_replicas,
    )
    ensure = create_missing if settings.create_topics else check_topics
    deadline = time.monotonic() + settings.wait_timeout_seconds
    reports: list[TopicReport] = []
    while True:
        try:
            reports = await ensure(settings.kafka, options, settings.event_topics.event_topics)
        except (KafkaError, OSError) as error:
            log.warning("Kafka cannot be reached or refused the request", extra={"error": repr(error)})
        if _are_usable(reports) or time.monotonic() > deadline:
            return reports
        await asyncio.sleep(_RETRY_SECONDS)


def _are_usable(reports: Iterable[TopicReport]) -> bool:
    states = [report.state for report in reports]
    return bool(states) and not {MISSING, FAULTY} & set(states)


def _log(reports: Iterable[TopicReport], *, made: bool) -> None:
    for report in reports:
        extra = {"topic": report.topic}
        if report.state == MISSING:
            log.error("topic is missing", extra=extra)
        elif report.state in ("created", "as described"):
            log.info("topic %s", "created" if report.state == "created" else "exists", extra=extra)
        for fault in report.faults:
            log.error("%s", fault, extra=extra)
        if report.changes:
            what = "changed" if made else "would be changed by `footfall topics`"
            log.warning("topic %s: %s", what, "; ".join(report.changes), extra=extra)
        if report.differences:
            # The operator may have changed it on purpose, so it stays as it is.
            log.warning("topic differs from its description: %s", "; ".join(report.differences), extra=extra)
        if report.unchecked:
            log.warning("%s", report.unchecked, extra=extra)


if __name__ == "__main__":
    main()
