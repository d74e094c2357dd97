"""`footfall doctor`: look at every part, and say what to do about what is not well."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from footfall import target
from footfall.doctor import services
from footfall.doctor.environment import look_at_access, look_at_settings
from footfall.doctor.kafka import look_at_cluster
from footfall.doctor.postgres import look_at_postgres
from footfall.doctor.services import Finding

FAILED = 1
_ORDER = ("ok", "warn", "fail")
_SIGNS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """Look at settings, Kafka, the services and Postgres, and say what to do about what is not well.

    Exit codes: 0 nothing failed, 1 something did.

    Example: footfall doctor
    """
    found = asyncio.run(_look(target.find()))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        for finding in found:
            _show(finding)
    if any(finding.state == "fail" for finding in found):
        raise typer.Exit(FAILED)


async def _look(where: target.Target) -> list[Finding]:
    looks = await asyncio.gather(
        services.look_at_kafka(where.kafka()),
        look_at_cluster(where.kafka()),
        services.look_at_http(where.require("FOOTFALL_URL")),
        look_at_access(where.require("FOOTFALL_URL")),
        asyncio.to_thread(look_at_postgres, where.require("FOOTFALL_POSTGRES_DSN")),
    )
    found = [*look_at_settings(where.environ), *(finding for look in looks for finding in look)]
    # What is wrong stands at the end, above the prompt.
    return sorted(found, key=lambda finding: _ORDER.index(finding.state))


def _show(finding: Finding) -> None:
    typer.echo(f"{_SIGNS[finding.state]} {finding.part:<11} {finding.found}")
    if finding.fix:
        typer.echo(f"{'':<17}-> {finding.fix}")
