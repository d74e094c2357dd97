"""Checks of the HTTP services: readiness, clock, spool, rate limits, registry, and who can read the dashboard."""

import math
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

from footfall.doctor.environment import LOOPBACK_HOSTS
from footfall.doctor.finding import Finding

# A `Date` header has whole seconds.
_MAX_CLOCK_DIFFERENCE_SECONDS = 3.0
_TIMEOUT_SECONDS = 10.0

Metrics = Mapping[str, float]


async def check_services(url: str) -> list[Finding]:
    """Collector, registry and dashboard at one URL: whether they answer, are ready and keep up."""
    async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_SECONDS) as client:
        try:
            health, asked_at = await client.get("/healthz"), time.time()
            ready, metrics = await client.get("/readyz"), await client.get("/metrics")
            registry = await client.get("/registry/subjects")
        except httpx.TransportError as error:
            fix = "start it with `footfall up`, or set FOOTFALL_URL to the URL of your installation"
            return [Finding("collector", "fail", f"{url} does not answer: {error!r}", fix)]
    return [
        *check_readiness(ready.status_code, ready.text),
        *check_clock(health.headers.get("date"), asked_at),
        *check_metrics(_values(metrics.text) if metrics.status_code == 200 else {}),
        _check_registry(registry),
    ]


async def check_dashboard_access(url: str) -> list[Finding]:
    """Whether anyone who can reach the dashboard can read it. Nothing on loopback, or if it does not answer."""
    host = urlsplit(url).hostname or ""
    if host in LOOPBACK_HOSTS:
        return []
    async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_SECONDS, follow_redirects=False) as client:
        try:
            response = await client.get("/dashboard/snapshot.json")
        except httpx.TransportError:
            return []  # `check_services` reports it
    if response.status_code == 200:
        fix = "set a token or a role for it (docs/dashboard.md), or have the Ingress authenticate its readers"
        return [Finding("access", "warn", f"anyone who can reach {host} can read the dashboard", fix)]
    return [Finding("access", "ok", "the dashboard requires a login")]


def check_readiness(status: int, body: str) -> list[Finding]:
    """What `/readyz` answered."""
    if status == 200:
        return [Finding("services", "ok", "ready")]
    fix = "the answer says what each service is waiting for; its log says why"
    return [Finding("services", "fail", f"not ready: {body}", fix)]


def check_clock(date: str | None, asked_at: float) -> list[Finding]:
    """Whether the collector's clock (its `Date` header) and ours agree; `asked_at` in seconds since 1970."""
    if date is None:
        return []
    ahead = parsedate_to_datetime(date).timestamp() - asked_at
    if abs(ahead) <= _MAX_CLOCK_DIFFERENCE_SECONDS:
        return [Finding("clock", "ok", "the clocks of the collector and of this machine agree")]
    side = "ahead of" if ahead > 0 else "behind"
    message = f"the collector's clock is {abs(ahead):.0f} s {side} this machine's"
    return [Finding("clock", "warn", message, "synchronise both clocks with NTP")]


def check_metrics(values: Metrics) -> list[Finding]:
    """What the collector's metrics say about its spool and its rate limits."""
    if "footfall_collector_kafka_available" not in values:
        fix = "set FOOTFALL_URL to the collector itself to check its spool and rate limits"
        return [Finding("spool", "warn", "/metrics is not served at this URL", fix)]
    return [_check_spool(values), _check_limits(values), *_check_sessions(values)]


def _check_spool(values: Metrics) -> Finding:
    events, age = values["footfall_collector_spool_events"], values["footfall_collector_spool_age_seconds"]
    errors = sum(
        count for name, count in values.items() if name.startswith("footfall_collector_spool_errors_total")
    )
    if errors:
        message = f"{errors:.0f} errors since the collector started, {events:.0f} events are waiting"
        fix = "free some space on its disk; docs/collect.md explains damaged segments"
        return Finding("spool", "fail", message, fix)
    if events:
        message = f"{events:.0f} events are waiting for Kafka, the oldest for {age:.0f} s"
        return Finding(
            "spool", "warn", message, "make Kafka available; the collector then publishes them by itself"
        )
    return Finding("spool", "ok", "no event is waiting for Kafka")


def _check_limits(values: Metrics) -> Finding:
    active = values["footfall_collector_cluster_limits_active"]
    if math.isnan(active):
        return Finding("limits", "ok", "each collector limits users by itself, as configured")
    if active:
        return Finding("limits", "ok", "a user's rate limit holds across all collectors")
    fix = "start the stream app, or find out in the collector's log why it cannot read user-rates"
    return Finding("limits", "warn", "each collector limits users by itself", fix)


def _check_sessions(values: Metrics) -> Iterator[Finding]:
    """Sessions that are not valid, of senders who were let in without one."""
    name = "footfall_collector_rejected_sessions_total|"
    counts = {key.removeprefix(name): count for key, count in values.items() if key.startswith(name) and count}
    if counts:
        shown = ", ".join(f"{count:.0f} {code}" for code, count in sorted(counts.items()))
        message = f"requests with a session that is not valid were accepted as if they had none: {shown}"
        fix = "if signed-in users appear as visitors, check FOOTFALL_SESSION_KEY or FOOTFALL_SESSION_JWKS_URL"
        yield Finding("sessions", "warn", message, fix)


def _check_registry(response: httpx.Response) -> Finding:
    if response.status_code == 200:
        return Finding("registry", "ok", f"{len(response.json())} subjects")
    message = f"/registry/subjects answers {response.status_code}"
    return Finding("registry", "warn", message, "route /registry to the registry service")


def _values(text: str) -> dict[str, float]:
    """Samples in Prometheus' text format, by name and label values."""
    return {
        sample.name + "".join(f"|{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
