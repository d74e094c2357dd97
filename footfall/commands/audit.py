"""`footfall audit`: whether every event that was read is accounted for."""

import json
from dataclasses import asdict
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from footfall import target
from sinks.audit import Audit
from sinks.audit import audit as audited

DOES_NOT_ADD_UP = 1


def audit(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False) -> None:
    """Prove that every offset read is a row, a duplicate, a dead letter or erased, and that no row is missing.

    Exit codes: 0 all adds up, 1 it does not.

    Example: footfall audit
    """
    with psycopg.connect(target.find().require("FOOTFALL_POSTGRES_DSN"), autocommit=True) as connection:
        found = audited(connection)
    faults = found.faults()
    if as_json:
        typer.echo(json.dumps(_as_json(found, faults), indent=2))
    else:
        Console(highlight=False).print(_table(found))
        typer.echo(
            f"Rows: {found.rows_landed} landed, {found.rows_erased} were erased, {found.rows_dropped} dropped "
            f"after their time, {found.rows_there} are there."
        )
        typer.echo("\n".join(faults) if faults else "All adds up.")
    if faults:
        raise typer.Exit(DOES_NOT_ADD_UP)


def _as_json(found: Audit, faults: list[str]) -> dict[str, object]:
    accounts = [asdict(account) | {"unexplained": account.unexplained} for account in found.accounts]
    rows = {
        "landed": found.rows_landed,
        "there": found.rows_there,
        "erased": found.rows_erased,
        "dropped": found.rows_dropped,
    }
    return {"faults": faults, "rows": rows | {"missing": found.rows_missing}, "partitions": accounts}


def _table(found: Audit) -> Table:
    columns = ("Partition", "Offsets", "Rows", "Duplicates", "Dead letters", "Erased", "Unexplained")
    table = Table(*columns, box=None, pad_edge=False)
    for each in found.accounts:
        numbers = (each.rows, each.duplicates, each.dead_letters, each.erased, each.unexplained)
        offsets = f"{each.first} to {each.next - 1}" if each.next > each.first else "none"
        table.add_row(f"{each.topic}/{each.partition}", offsets, *map(str, numbers))
    return table
