"""`footfall maintain`: one round of what Postgres needs from time to time."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import psycopg
import typer

from footfall import target
from sinks.maintenance import Busy, due
from sinks.maintenance import maintain as round_of
from sinks.retention import LEAST_HOT_DAYS, LEAST_KEPT_DAYS, Keep

FAILED = 1
KEEP = Keep()


def maintain(
    keep_days: Annotated[
        int, typer.Option(envvar="FOOTFALL_KEEP_DAYS", help="Days that rows are kept.", min=LEAST_KEPT_DAYS)
    ] = KEEP.days,
    hot_days: Annotated[
        int, typer.Option(envvar="FOOTFALL_HOT_DAYS", help="Days before rows are packed.", min=LEAST_HOT_DAYS)
    ] = KEEP.hot_days,
    dry_run: Annotated[bool, typer.Option("--dry-run", "--plan", help="Only say what is due.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Fold the roll-ups, audit days that are over, pack old ones, drop those that were kept long enough.

    Run it every hour or so; it may be cut off anywhere. Exit codes: 0 done, or another process is at it; 1 a day
    does not add up.

    Example: footfall maintain --dry-run
    """
    faults = False
    with psycopg.connect(target.find().require("FOOTFALL_POSTGRES_DSN"), autocommit=True) as connection:
        today = datetime.now(UTC).date()
        try:
            for done in (due if dry_run else round_of)(connection, today=today, keep=Keep(keep_days, hot_days)):
                faults |= done.fault
                typer.echo(json.dumps(asdict(done)) if as_json else done.what)
        except Busy as error:
            typer.echo(f"{error}, and does what is due.", err=True)
            return
    if faults:
        raise typer.Exit(FAILED)
    if not as_json:
        typer.echo("Nothing else is due.")
