"""`footfall maintain`: one round of database maintenance."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from footfall import target
from footfall.commands.json_lines import JsonOption, print_json
from service_kit.retention import RetentionSettings
from service_kit.settings import variables
from sinks.connect import connect
from sinks.retention.maintenance import AlreadyRunning, planned
from sinks.retention.maintenance import maintain as run_steps

FAILED = 1
_DEFAULT = RetentionSettings()


def _option(variable: str) -> Any:
    declared = variables(RetentionSettings)[variable].metadata
    return typer.Option(envvar=variable, help=declared["help"], min=declared["minimum"], max=declared["maximum"])


def maintain(
    retention_days: Annotated[int, _option("FOOTFALL_RETENTION_DAYS")] = _DEFAULT.retention_days,
    pack_after_days: Annotated[int, _option("FOOTFALL_PACK_AFTER_DAYS")] = _DEFAULT.pack_after_days,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is due, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fold the roll-ups, audit days that are over, pack old days, and drop days whose retention has ended.

    Run it every hour. It can be interrupted at any time: the next round continues.

    Exit codes: 0 done, or another process is maintaining the database; 1 a day does not add up.

    Example: footfall maintain --dry-run
    """
    retention = RetentionSettings(retention_days=retention_days, pack_after_days=pack_after_days)
    failed = False
    with connect(target.find().postgres(), "footfall-maintain") as connection:
        today = datetime.now(UTC).date()
        try:
            for step in (planned if dry_run else run_steps)(connection, today=today, retention=retention):
                failed |= step.failed
                if as_json:
                    print_json(asdict(step))
                else:
                    typer.echo(step.message)
        except AlreadyRunning as error:
            typer.echo(f"Nothing to do here: {error}.", err=True)
            return
    if failed:
        raise typer.Exit(FAILED)
    if not as_json:
        typer.echo("Nothing else is due.")
