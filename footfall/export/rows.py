"""The rows of a day, out of one snapshot of Postgres, as a file that is complete or absent."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb
import psycopg
from psycopg import sql

from dashboard.sql import queries
from footfall.export.manifest import Counts, Exported, Format, file_of
from footfall.export.places import Place, sha256_of
from service_kit.postgres import PostgresSettings
from sinks.connect import reading
from sinks.postgres.event_views import EVENT_COLUMNS

# Of a row in CSV: far more than the largest record has.
_MAX_LINE_BYTES, _BUFFER_BYTES = 8 << 20, 16 << 20
_BOUNDS: dict[str, str | bool | int | float | list[str]] = {"threads": 2, "memory_limit": "256MB"}
_ROW_GROUP = 61_440
_TYPES = {"timestamptz": "timestamptz", "date": "date", "uuid": "uuid", "bool": "boolean"} | dict.fromkeys(
    ("int2", "int4", "int8"), "bigint"
)
_COUNTS_OF_DAY = "select min(event_id), max(event_id) from events where day = %s"
Report = Callable[[int], None]


class Differs(Exception):
    """The stored rows of a day are not those that landed."""


@contextmanager
def snapshot(where: PostgresSettings) -> Iterator[psycopg.Connection]:
    """A transaction that sees one moment, and writes times in UTC."""
    with reading(where, "footfall-export") as connection:
        connection.execute("set local timezone to 'UTC'")
        yield connection


def counts_by_day(connection: psycopg.Connection, since: date | None, until: date) -> Mapping[date, Counts]:
    """What is counted of each day up to `until`, included, by the time inside the ids."""
    first = since or date(2000, 1, 1)
    period = {"since": _midnight(first), "until": _midnight(until + timedelta(days=1))}
    landed: dict[date, int] = {}
    for hour, rows in connection.execute(queries["landed_hours"], period):
        day = datetime.fromtimestamp(hour / 1000, UTC).date()
        landed[day] = landed.get(day, 0) + rows
    changed = {
        datetime.fromtimestamp(row[0] / 1000, UTC).date(): row[1:3]
        for row in connection.execute(queries["changed_days"], period)
    }
    return {day: Counts(rows, *changed.get(day, (0, 0))) for day, rows in sorted(landed.items())}


def write_day(
    connection: psycopg.Connection,
    day: date,
    counts: Counts,
    work: Path,
    place: Place,
    format: Format,
    report: Report,
) -> Exported:
    """Write the file of a day. Raise Differs, without a file, if its rows are not those that are counted."""
    name = file_of(str(day), format)
    part, rows_file = work / f".{name}.part", work / f".{name}.rows"
    try:
        if format == "jsonl":
            rows = _write_json_lines(connection, day, part, report)
        elif format == "csv":
            rows = _write_csv(connection, day, part, report, header=True)
        else:
            rows = _write_csv(connection, day, rows_file, report, header=False)
            _write_parquet(_types(connection), rows_file, part)
        if rows != counts.rows:
            raise Differs(f"{day}: {counts.rows} rows by the ledger, but {rows} are stored")
        first, last = connection.execute(_COUNTS_OF_DAY, [day]).fetchone() or (None, None)
        exported = Exported(name, rows, first, last, sha256_of(part), part.stat().st_size, counts)
        return replace(exported, tag=place.publish(part, name))
    finally:
        part.unlink(missing_ok=True)
        rows_file.unlink(missing_ok=True)


def _query(day: date, shown: sql.Composable) -> sql.Composed:
    return sql.SQL("select {} from events where day = {} order by event_uuid").format(shown, sql.Literal(day))


def _columns() -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, EVENT_COLUMNS))


def _write_csv(connection: psycopg.Connection, day: date, path: Path, report: Report, *, header: bool) -> int:
    options = sql.SQL("(format csv, header)") if header else sql.SQL("(format csv)")
    copied = sql.SQL("copy ({}) to stdout {}").format(_query(day, _columns()), options)
    with path.open("wb") as file, connection.cursor() as cursor:
        with cursor.copy(copied) as copy:
            for number, row in enumerate(copy):
                file.write(row)
                report(number)
        return cursor.rowcount


def _write_json_lines(connection: psycopg.Connection, day: date, path: Path, report: Report) -> int:
    rows = sql.SQL("select row_to_json(shown)::text from ({}) as shown").format(_query(day, _columns()))
    with path.open("w", encoding="utf-8") as file, connection.cursor() as cursor:
        with cursor.copy(sql.SQL("copy ({}) to stdout").format(rows)) as copy:
            for number, (row,) in enumerate(copy.rows()):
                file.write(f"{json.dumps(json.loads(row), ensure_ascii=False, separators=(',', ':'))}\n")
                report(number)
        return cursor.rowcount


def _types(connection: psycopg.Connection) -> Mapping[str, str]:
    """The type of each column in Parquet; JSON is text there."""
    empty = connection.execute(sql.SQL("select {} from events limit 0").format(_columns()))
    named = {each.oid: each.name for each in psycopg.adapters.types}
    return {each.name: _TYPES.get(named.get(each.type_code, ""), "varchar") for each in empty.description or ()}


def _write_parquet(types: Mapping[str, str], rows_file: Path, path: Path) -> None:
    columns = ", ".join(f"{_quoted(name)}: {_quoted(kind)}" for name, kind in types.items())
    read = (
        f"read_csv({_quoted(str(rows_file))}, header = false, auto_detect = false, delim = ',', quote = '\"',"
        f" escape = '\"', nullstr = '', allow_quoted_nulls = false, new_line = '\\n', parallel = false,"
        f" max_line_size = {_MAX_LINE_BYTES}, buffer_size = {_BUFFER_BYTES}, columns = {{{columns}}})"
    )
    spilled = path.with_suffix(".spilled")
    with duckdb.connect(config=_BOUNDS | {"temp_directory": str(spilled)}) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            f"copy (select * from {read}) to {_quoted(str(path))}"
            f" (format parquet, compression zstd, row_group_size {_ROW_GROUP})"
        )
    shutil.rmtree(spilled, ignore_errors=True)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
