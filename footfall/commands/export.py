"""`footfall export`: the rows of days as Parquet, CSV or JSON Lines."""

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from footfall import target
from footfall.commands.json_lines import JsonOption, print_json_lines
from footfall.commands.progress import Progress
from footfall.export.manifest import Counts, Format, Manifest, differences
from footfall.export.places import UnusablePlace, place_of
from footfall.export.rows import Differs, Report, counts_by_day, snapshot, write_day
from service_kit.postgres import PostgresSettings

DIFFERS = 1
_EVERY_ROWS = 10_000
_DROPPED = "Postgres has dropped it at the end of retention; a file of it remains as it is."
Line = dict[str, Any]


def export(
    folder: Annotated[
        str, typer.Argument(help="Where the files are, or will be: a folder, or s3://BUCKET/FOLDER.")
    ],
    since: Annotated[datetime | None, typer.Option("--from", help="First day.", formats=["%Y-%m-%d"])] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", help="Last day; without it, yesterday.", formats=["%Y-%m-%d"])
    ] = None,
    format: Annotated[Format | None, typer.Option(help="Without it Parquet, or what the folder has.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only name days that have to be exported again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the rows of each day into a file, all columns of the view `events`, by the UTC day in their ids.

    A file is complete or absent, and has as many rows as the ledger counts. Days whose files are there and whose
    rows have not changed since are passed over, so a command that was stopped goes on where it was.

    Exit codes: 0 all days are exported, 1 a day is not or, with --check, has to be exported again.

    Example: footfall export ./events --from 2026-11-01
    """
    where = target.find().postgres()
    last = until.date() if until else datetime.now(UTC).date() - timedelta(days=1)
    try:
        manifest = Manifest.read(place_of(folder), format)
        first = since and since.date()
        lines = _checked(where, manifest) if check else _exported(where, manifest, first, last)
        failed = _print(lines, as_json=as_json)
    except UnusablePlace as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(target.INVALID_SETTINGS) from error
    if failed:
        raise typer.Exit(DIFFERS)


def _print(lines: Iterator[Line], *, as_json: bool) -> bool:
    """Print a line per day; whether one of them failed."""
    states = list[str]()

    def shown() -> Iterator[Line]:
        for line in lines:
            states.append(line["state"])
            yield line

    if as_json:
        print_json_lines(shown())
    else:
        for line in shown():
            rows = f"{line['rows']:,} rows" if "rows" in line else ""
            typer.echo("  ".join(filter(None, (line["day"], line["state"], rows, line.get("message")))))
    if not states:
        typer.echo("There is nothing to do: no day of this period has rows.", err=True)
    return bool({"differs", "damaged", "erased", "changed"} & set(states))


def _checked(where: PostgresSettings, manifest: Manifest) -> Iterator[Line]:
    last = max(map(date.fromisoformat, manifest.days), default=datetime.now(UTC).date())
    with snapshot(where) as connection:
        found = {str(day): counts for day, counts in counts_by_day(connection, None, last).items()}
    changed = dict(differences(manifest, found))
    for day in manifest.days:
        yield {"day": day, "state": changed.get(day, "unchanged")}


def _exported(where: PostgresSettings, manifest: Manifest, since: date | None, last: date) -> Iterator[Line]:
    with manifest.place.open() as work:
        with snapshot(where) as connection:
            days = list(counts_by_day(connection, since, last))
        progress = Progress(sys.stderr)
        for number, day in enumerate(days, 1):
            # A snapshot per day: one of hours would stop Postgres from freeing what others delete.
            with snapshot(where) as connection:
                counts = counts_by_day(connection, day, day).get(day, Counts(0, 0, 0))
                report = _reporter(progress, f"{day} ({number} of {len(days)})", counts.rows)
                yield {"day": str(day)} | _day(connection, manifest, day, counts, work, report)
                progress.end()


def _day(
    connection: psycopg.Connection, manifest: Manifest, day: date, counts: Counts, work: Path, report: Report
) -> Line:
    """Make the file of a day, if there is something to do."""
    if counts.dropped:
        return {"state": "dropped", "message": _DROPPED}
    if manifest.has(str(day), counts):
        return {"state": "unchanged", "rows": counts.rows}
    try:
        written = write_day(connection, day, counts, work, manifest.place, manifest.format, report)
    except Differs as error:
        return {"state": "differs", "message": f"{error}. Run footfall audit."}
    manifest.add(str(day), written)
    return {"state": "exported", **asdict(written)}


def _reporter(progress: Progress, what: str, rows: int) -> Report:
    due = time.monotonic() + progress.every_seconds

    def report(number: int) -> None:
        nonlocal due
        if number % _EVERY_ROWS == 0 and time.monotonic() >= due:
            progress.show(f"{what}: {number:,} of {rows:,} rows")
            due = time.monotonic() + progress.every_seconds

    return report
