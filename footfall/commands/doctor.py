"""`footfall doctor`: check every part, and say what to do about faults."""

import asyncio
from collections.abc import Awaitable, Collection, Iterator
from dataclasses import asdict
from itertools import chain

import typer

from footfall import target
from footfall.commands.json_lines import JsonOption, print_json
from footfall.doctor.environment import check_environment
from footfall.doctor.finding import Finding
from footfall.doctor.kafka import check_cluster, check_kafka
from footfall.doctor.postgres import check_postgres
from footfall.doctor.rejected import check_rejected
from footfall.doctor.services import check_dashboard_access, check_services
from footfall.doctor.workers import check_workers

FAILED = 1
_KAFKA, _POSTGRES, _URL = "FOOTFALL_KAFKA_BOOTSTRAP", "FOOTFALL_POSTGRES_DSN", "FOOTFALL_URL"
# What is not checked without each, and what to do.
_ADDRESSES = {
    _KAFKA: "set it to check Kafka, the topics and the lag",
    _POSTGRES: "set it to check Postgres and the lag",
    _URL: "set it to check the collector, the dashboard and the registry",
}
_ORDER = ("ok", "warn", "fail")
_LABELS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


def doctor(
    as_json: JsonOption = False,
) -> None:
    """Check the settings, Kafka, the services and Postgres. Each fault comes with what to do about it.

    Exit codes: 0 no check failed, 1 a check failed or nothing is running.

    Example: footfall doctor
    """
    findings = asyncio.run(_check(target.find()))
    if as_json:
        print_json(*map(asdict, findings))
    else:
        for finding in findings:
            _show(finding)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(FAILED)


async def _check(where: target.Target) -> list[Finding]:
    missing = [name for name in _ADDRESSES if not where.environ.get(name)]
    if len(missing) == len(_ADDRESSES):
        where.require(missing[0])
    checked = await asyncio.gather(*_checks(where, missing))
    unchecked = [Finding("settings", "warn", f"{name} is not set", _ADDRESSES[name]) for name in missing]
    findings = [*check_environment(where.environ), *unchecked, *chain.from_iterable(checked)]
    # Faults come last, next to the prompt.
    return sorted(findings, key=lambda finding: _ORDER.index(finding.state))


def _checks(where: target.Target, missing: Collection[str]) -> Iterator[Awaitable[list[Finding]]]:
    """The checks of everything that has an address."""
    event_topics = where.event_topics()
    if _KAFKA not in missing:
        yield check_kafka(where.kafka(), event_topics)
        yield check_rejected(where.kafka())
    if _POSTGRES not in missing:
        yield asyncio.to_thread(check_postgres, where.postgres())
    if not {_KAFKA, _POSTGRES} & set(missing):
        yield check_cluster(where.kafka(), event_topics, postgres=where.postgres())
    if _URL not in missing:
        yield check_services(where.require(_URL))
        yield check_dashboard_access(where.require(_URL))
    yield check_workers([url for url in where.environ.get("FOOTFALL_PROBE_URLS", "").split(",") if url.strip()])


def _show(finding: Finding) -> None:
    typer.echo(f"{_LABELS[finding.state]} {finding.part:<11} {finding.message}")
    if finding.fix:
        typer.echo(f"{'':<17}-> {finding.fix}")
