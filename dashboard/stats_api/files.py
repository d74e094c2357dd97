"""A table as CSV and as Parquet."""

import tempfile
from pathlib import Path

import duckdb

from dashboard.render.exports import csv_of
from dashboard.stats_api.table import Column, Table

CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
_BOUNDS: dict[str, str | bool | int | float | list[str]] = {"threads": "1", "memory_limit": "64MB"}
_TYPES = {"text": "varchar", "number": "double", "time": "timestamptz"}
# Units of what is measured; everything else is counted in whole numbers.
_MEASURED = frozenset({"", "percent", "seconds", "milliseconds", "views per visit", "errors per 1,000 views"})


def as_csv(table: Table) -> str:
    """The rows under the names of their columns; what a spreadsheet would run gets an apostrophe in front."""
    names = [column.name for column in table.columns]
    return csv_of(names, ([row[name] for name in names] for row in table.rows))


def as_parquet(table: Table) -> bytes:
    """A file. Times are moments in UTC."""
    shown = ", ".join(
        f"unnest($v{number}::{_type(column)}[]) as {_quoted(column.name)}"
        for number, column in enumerate(table.columns)
    )
    values = {
        f"v{number}": [row[column.name] for row in table.rows] for number, column in enumerate(table.columns)
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        with duckdb.connect(config=_BOUNDS | {"temp_directory": folder}) as connection:
            connection.execute(f"create table shown as select {shown}", values)
            connection.execute(f"copy shown to '{path}' (format parquet, compression zstd)")
        return path.read_bytes()


def _type(column: Column) -> str:
    is_counted = column.type == "number" and column.unit not in _MEASURED
    return "bigint" if is_counted else _TYPES[column.type]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
