"""`footfall audit`: proves that every event that was read is accounted for."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.table import Table

from footfall import target
from footfall.commands.json_lines import JsonOption, print_json
from sinks.audit import AuditReport, AuditScope, audit_snapshot
from sinks.connect import reading
from sinks.retention.lifecycle import State

DOES_NOT_ADD_UP = 1


def audit(
    since: Annotated[datetime | None, typer.Option("--from", help="First day.", formats=["%Y-%m-%d"])] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="Last day.", formats=["%Y-%m-%d"])] = None,
    partition: Annotated[int | None, typer.Option(help="Only this partition of the topic.", min=0)] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that every offset is a row, a duplicate, a dead letter, erased or empty, and that no row is missing.

    Offsets are grouped by the day on which they landed, rows by the day in their ids. Of visits it says
    what maintenance found when it recounted hours from rows, at random.

    Exit codes: 0 everything adds up, 1 something does not.

    Example: footfall audit
    """
    scope = AuditScope(since and since.date(), until and until.date(), partition)
    with reading(target.find().postgres(), "footfall-audit") as connection:
        report = audit_snapshot(connection, scope)
    mismatches = report.mismatches()
    if as_json:
        print_json(_to_json(report, mismatches))
    else:
        Console(highlight=False).print(_partition_table(report))
        typer.echo(
            "\n".join(
                [*_lines_by_state(report), *_line_of_visits(report), *(mismatches or ["Everything adds up."])]
            )
        )
    if mismatches:
        raise typer.Exit(DOES_NOT_ADD_UP)


def _to_json(report: AuditReport, mismatches: list[str]) -> dict[str, object]:
    partitions = [asdict(account) | {"unexplained": account.unexplained} for account in report.partitions]
    days = [asdict(day) | {"day": str(day.day), "missing": day.missing} for day in report.days]
    visits = [asdict(hour) | {"hour": hour.hour.isoformat(), "differs": hour.differs} for hour in report.visits]
    return {"mismatches": mismatches, "partitions": partitions, "days": days, "visits": visits}


def _lines_by_state(report: AuditReport) -> Iterator[str]:
    """One line for the days in each state."""
    for state in get_args(State):
        if days := [day for day in report.days if day.state == state]:
            yield (
                f"{len(days)} {'day' if len(days) == 1 else 'days'} {state}: "
                f"{sum(day.landed for day in days)} rows landed, "
                f"{sum(day.stored for day in days)} stored ({sum(day.packed for day in days)} of them packed), "
                f"{sum(day.erased for day in days)} erased, {sum(day.dropped for day in days)} dropped."
            )


def _line_of_visits(report: AuditReport) -> Iterator[str]:
    """What maintenance recounted."""
    if report.visits:
        hours, differ = len(report.visits), sum(hour.differs for hour in report.visits)
        yield (
            f"Visits: {hours} {'hour' if hours == 1 else 'hours'} recounted from "
            f"{sum(hour.rows for hour in report.visits)} rows, {differ or 'none'} of them "
            f"{'differ' if differ != 1 else 'differs'}."
        )


def _partition_table(report: AuditReport) -> Table:
    columns = ("Partition", "Offsets", "Rows", "Duplicates", "Dead letters", "Erased", "Empty", "Unexplained")
    table = Table(*columns, box=None, pad_edge=False)
    for each in report.partitions:
        numbers = (each.rows, each.duplicates, each.dead_letters, each.erased, each.empty, each.unexplained)
        offsets = f"{each.first} to {each.next - 1}" if each.next > each.first else "none"
        table.add_row(f"{each.topic}/{each.partition}", offsets, *map(str, numbers))
    return table
