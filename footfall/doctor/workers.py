"""Checks of stream app and sinks, by what their probes say: readiness with its reason, and their metrics."""

import asyncio
from collections.abc import Iterator, Sequence

import httpx
from prometheus_client.parser import text_string_to_metric_families

from footfall.doctor.finding import Finding

_TIMEOUT_SECONDS = 10.0
_PARTITIONS = "footfall_stream_partitions"
_STREAM_WAITING, _SINK_WAITING = "footfall_stream_uncommitted_records", "footfall_sink_uncommitted_records"
_HALTED, _LOST = "footfall_sink_halted", "footfall_stream_records_lost_to_retention_total"


async def check_workers(urls: Sequence[str]) -> list[Finding]:
    """Each worker at its URL. Without any there is a warning: nothing but their lag says how they are."""
    if not urls:
        fix = "set FOOTFALL_PROBE_URLS to the URLs of their probes, such as http://10.0.0.7:8080"
        return [Finding("workers", "warn", "stream app and sinks were not asked how they are", fix)]
    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
        checked = await asyncio.gather(*(_check(client, url.rstrip("/")) for url in urls))
    return [finding for findings in checked for finding in findings]


async def _check(client: httpx.AsyncClient, url: str) -> list[Finding]:
    try:
        ready, metrics = await client.get(f"{url}/readyz"), await client.get(f"{url}/metrics")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fix = "start it, or read its log; or correct FOOTFALL_PROBE_URLS"
        return [Finding("workers", "fail", f"{url} does not answer: {error!r}", fix)]
    return list(check_worker(url, ready.status_code, ready.text, metrics.text))


def check_worker(url: str, status: int, reason: str, metrics: str) -> Iterator[Finding]:
    """What a worker answered to `/readyz` and `/metrics`."""
    values = _totals(metrics)
    name = "stream app" if _PARTITIONS in values else "sinks" if _HALTED in values else "worker"
    where = f"{name} at {url}"
    if values.get(_HALTED):
        message = f"{where} has stopped landing until somebody decides: {reason}"
        yield Finding("workers", "fail", message, "its log says what to do; docs/runbooks.md, FootfallSinkHalted")
    elif status != 200:
        yield Finding("workers", "fail", f"{where} is not ready: {reason}", "its log says why")
    else:
        yield Finding("workers", "ok", f"{where} is ready")
    if waiting := max(values.get(_STREAM_WAITING, 0), values.get(_SINK_WAITING, 0)):
        message = f"{where} has {waiting:.0f} records that wait for the end of a transaction of another program"
        fix = "end that program's transaction: `kafka-transactions.sh find-hanging`; or wait for its timeout"
        yield Finding("workers", "warn", message, fix)
    if lost := values.get(_LOST):
        message = f"{where} found {lost:.0f} records removed before it counted them"
        yield Finding("workers", "warn", message, "its log names the offsets; raise the retention of `events`")


def _totals(metrics: str) -> dict[str, float]:
    """Samples in Prometheus' text format, added up over labels."""
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    return totals
