"""`footfall maintain`: one round of what Postgres needs from time to time."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import psycopg
import typer

from footfall import target
from service_kit.retention import RetentionSettings
from service_kit.settings import variables
from sinks.retention.maintenance import Busy, due
from sinks.retention.maintenance import maintain as round_of

FAILED = 1
_DEFAULT = RetentionSettings()


def _option(variable: str) -> Any:
    declared = variables(RetentionSettings)[variable].metadata
    return typer.Option(envvar=variable, help=declared["help"], min=declared["minimum"], max=declared["maximum"])


def maintain(
    retention_days: Annotated[int, _option("FOOTFALL_RETENTION_DAYS")] = _DEFAULT.retention_days,
    pack_after_days: Annotated[int, _option("FOOTFALL_PACK_AFTER_DAYS")] = _DEFAULT.pack_after_days,
    dry_run: Annotated[bool, typer.Option("--dry-run", "--plan", help="Only say what is due.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Fold the roll-ups, audit days that are over, pack old ones, drop those whose retention is over.

    Run it every hour or so; it may be cut off anywhere. Exit codes: 0 done, or another process is at it; 1 a day
    does not add up.

    Example: footfall maintain --dry-run
    """
    retention = RetentionSettings(retention_days=retention_days, pack_after_days=pack_after_days)
    faults = False
    with psycopg.connect(target.find().require("FOOTFALL_POSTGRES_DSN"), autocommit=True) as connection:
        today = datetime.now(UTC).date()
        try:
            for done in (due if dry_run else round_of)(connection, today=today, retention=retention):
                faults |= done.fault
                typer.echo(json.dumps(asdict(done)) if as_json else done.what)
        except Busy as error:
            typer.echo(f"{error}, and does what is due.", err=True)
            return
    if faults:
        raise typer.Exit(FAILED)
    if not as_json:
        typer.echo("Nothing else is due.")
