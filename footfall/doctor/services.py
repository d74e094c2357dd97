"""Looks at every part of a running footfall; each look says what it found, and what to do about it."""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

import httpx
from aiokafka.errors import KafkaError
from prometheus_client.parser import text_string_to_metric_families

from footfall.kafka import topics
from service_kit.kafka import KafkaSettings

# An HTTP date has whole seconds.
_CLOCKS_MAY_DIFFER_SECONDS = 3.0
_KAFKA_SECONDS = 15.0

Metrics = Mapping[str, float]
State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at one part found; `fix` says what to do where all is not well."""

    part: str
    state: State
    found: str
    fix: str = ""


async def look_at_kafka(settings: KafkaSettings) -> list[Finding]:
    """Whether Kafka answers, and whether the topics are as described."""
    try:
        async with asyncio.timeout(_KAFKA_SECONDS):
            reports = await topics.check(settings)
    except (KafkaError, OSError, TimeoutError) as error:
        fix = "start it, or set FOOTFALL_KAFKA_BOOTSTRAP to where it is"
        said = f"{settings.kafka_bootstrap} does not answer: {error or 'no answer in time'}"
        return [Finding("kafka", "fail", said, fix)]
    odd = [_of_topic(report) for report in reports if report.state in ("missing", "differs")]
    fine = Finding("topics", "ok", f"{len(reports)} as described")
    return [Finding("kafka", "ok", f"{settings.kafka_bootstrap} answers"), *(odd or [fine])]


async def look_at_http(url: str) -> list[Finding]:
    """Collector, registry and dashboard behind one address: whether they answer, are ready, and keep up."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        try:
            health, asked = await client.get("/healthz"), time.time()
            ready, metrics = await client.get("/readyz"), await client.get("/metrics")
            registry = await client.get("/registry/subjects")
        except httpx.TransportError as error:
            fix = "start it with `footfall up`, or set FOOTFALL_URL to where it is"
            return [Finding("collector", "fail", f"{url} does not answer: {error!r}", fix)]
    return [
        *of_readiness(ready.status_code, ready.text),
        *of_clock(health.headers.get("date"), asked),
        *of_metrics(_values(metrics.text) if metrics.status_code == 200 else {}),
        *_of_registry(registry),
    ]


def of_readiness(status: int, answer: str) -> list[Finding]:
    """What `/readyz` says."""
    if status == 200:
        return [Finding("services", "ok", "ready")]
    return [Finding("services", "fail", f"not ready: {answer}", "see what they wait for, and their logs")]


def of_clock(date: str | None, asked: float) -> list[Finding]:
    """Whether the collector's clock and ours agree; `asked` in seconds since 1970."""
    if date is None:
        return []
    ahead = parsedate_to_datetime(date).timestamp() - asked
    if abs(ahead) <= _CLOCKS_MAY_DIFFER_SECONDS:
        return [Finding("clock", "ok", "the collector's clock and this machine's agree")]
    where = "ahead of" if ahead > 0 else "behind"
    said = f"the collector's clock is {abs(ahead):.0f} s {where} this machine's"
    return [Finding("clock", "warn", said, "let NTP set both clocks")]


def of_metrics(values: Metrics) -> list[Finding]:
    """What the collector counts about its spool, its limits and its memory."""
    if "footfall_collector_kafka_available" not in values:
        return [Finding("spool", "warn", "/metrics is not served at this address", "ask the collector itself")]
    return [_of_spool(values), _of_limits(values)]


def _of_spool(values: Metrics) -> Finding:
    waiting, age = values["footfall_collector_spool_events"], values["footfall_collector_spool_age_seconds"]
    faults = sum(
        count for name, count in values.items() if name.startswith("footfall_collector_spool_errors_total")
    )
    if faults:
        said = f"{faults:.0f} faults since the collector started, {waiting:.0f} events wait"
        return Finding("spool", "fail", said, "make room on its disk; see docs/collect.md about damaged segments")
    if waiting:
        said = f"{waiting:.0f} events wait for Kafka, the oldest for {age:.0f} s"
        return Finding("spool", "warn", said, "bring Kafka back; the rest happens by itself")
    return Finding("spool", "ok", "nothing waits for Kafka")


def _of_limits(values: Metrics) -> Finding:
    if math.isnan(values["footfall_collector_cluster_limits_active"]):
        return Finding("limits", "ok", "a user's limit holds in each collector alone, as it is set")
    if values["footfall_collector_cluster_limits_active"]:
        return Finding("limits", "ok", "a user's limit holds over all collectors")
    said = "a user's limit holds in each collector alone"
    return Finding("limits", "warn", said, "start the stream app, or see why user-rates cannot be read")


def _of_registry(answer: httpx.Response) -> list[Finding]:
    if answer.status_code == 200:
        return [Finding("registry", "ok", f"{len(answer.json())} subjects")]
    fix = "route /registry to the registry"
    return [Finding("registry", "warn", f"/registry/subjects answers {answer.status_code}", fix)]


def _of_topic(report: topics.Report) -> Finding:
    if report.state == "missing":
        return Finding("topics", "fail", f"{report.topic} is missing", "run `footfall topics`")
    differences = "; ".join(report.differences)
    return Finding("topics", "warn", f"{report.topic} differs: {differences}", "change it with Kafka's own tools")


def _values(text: str) -> dict[str, float]:
    """Metrics in Prometheus' format, by name and labels."""
    return {
        sample.name + "".join(f"|{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
