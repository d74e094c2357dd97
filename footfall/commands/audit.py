"""`footfall audit`: whether every event that was read is accounted for."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, get_args

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from footfall import target
from sinks.audit import Audit, Range
from sinks.audit import audit as audited
from sinks.retention.lifecycle import State

DOES_NOT_ADD_UP = 1


def audit(
    since: Annotated[datetime | None, typer.Option("--from", help="First day.", formats=["%Y-%m-%d"])] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="Last day.", formats=["%Y-%m-%d"])] = None,
    partition: Annotated[int | None, typer.Option(help="Only this partition of the topic.", min=0)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Prove that every offset read is a row, a duplicate, a dead letter or erased, and that no row is missing.

    Days of offsets are those of landing, days of rows those of the ids. Exit codes: 0 all adds up, 1 it does not.

    Example: footfall audit
    """
    proved = Range(since and since.date(), until and until.date(), partition)
    with psycopg.connect(target.find().require("FOOTFALL_POSTGRES_DSN"), autocommit=True) as connection:
        found = audited(connection, proved)
    faults = found.faults()
    if as_json:
        typer.echo(json.dumps(_as_json(found, faults), indent=2))
    else:
        Console(highlight=False).print(_table(found))
        typer.echo("\n".join([*_by_state(found), *(faults or ["All adds up."])]))
    if faults:
        raise typer.Exit(DOES_NOT_ADD_UP)


def _as_json(found: Audit, faults: list[str]) -> dict[str, object]:
    accounts = [asdict(account) | {"unexplained": account.unexplained} for account in found.accounts]
    days = [asdict(day) | {"day": str(day.day), "missing": day.missing} for day in found.days]
    return {"faults": faults, "partitions": accounts, "days": days}


def _by_state(found: Audit) -> Iterator[str]:
    """A line for the days of each state."""
    for state in get_args(State):
        if days := [day for day in found.days if day.state == state]:
            yield (
                f"{len(days)} {'day' if len(days) == 1 else 'days'} {state}: "
                f"{sum(day.landed for day in days)} rows landed, "
                f"{sum(day.there for day in days)} are there ({sum(day.packed for day in days)} packed), "
                f"{sum(day.erased for day in days)} were erased, {sum(day.dropped for day in days)} dropped."
            )


def _table(found: Audit) -> Table:
    columns = ("Partition", "Offsets", "Rows", "Duplicates", "Dead letters", "Erased", "Unexplained")
    table = Table(*columns, box=None, pad_edge=False)
    for each in found.accounts:
        numbers = (each.rows, each.duplicates, each.dead_letters, each.erased, each.unexplained)
        offsets = f"{each.first} to {each.next - 1}" if each.next > each.first else "none"
        table.add_row(f"{each.topic}/{each.partition}", offsets, *map(str, numbers))
    return table
