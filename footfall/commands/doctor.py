"""`footfall doctor`: check every part, and say what to do about faults."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from footfall import target
from footfall.doctor.environment import check_environment
from footfall.doctor.finding import Finding
from footfall.doctor.kafka import check_cluster, check_kafka
from footfall.doctor.postgres import check_postgres
from footfall.doctor.rejected import check_rejected
from footfall.doctor.services import check_dashboard_access, check_services
from footfall.doctor.workers import check_workers

FAILED = 1
_ORDER = ("ok", "warn", "fail")
_LABELS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """Check the settings, Kafka, the services and Postgres. Each fault comes with what to do about it.

    Exit codes: 0 no check failed, 1 a check failed or nothing is running.

    Example: footfall doctor
    """
    findings = asyncio.run(_check(target.find()))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            _show(finding)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(FAILED)


async def _check(where: target.Target) -> list[Finding]:
    kafka, event_topics = where.kafka(), where.event_topics()
    checked = await asyncio.gather(
        check_kafka(kafka, event_topics),
        check_cluster(kafka, event_topics, postgres=where.postgres()),
        check_rejected(kafka),
        check_services(where.require("FOOTFALL_URL")),
        check_dashboard_access(where.require("FOOTFALL_URL")),
        check_workers([url for url in where.environ.get("FOOTFALL_PROBE_URLS", "").split(",") if url.strip()]),
        asyncio.to_thread(check_postgres, where.postgres()),
    )
    findings = [*check_environment(where.environ), *(finding for part in checked for finding in part)]
    # Faults come last, next to the prompt.
    return sorted(findings, key=lambda finding: _ORDER.index(finding.state))


def _show(finding: Finding) -> None:
    typer.echo(f"{_LABELS[finding.state]} {finding.part:<11} {finding.message}")
    if finding.fix:
        typer.echo(f"{'':<17}-> {finding.fix}")
