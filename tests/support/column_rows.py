"""Rows as Postgres copies them for column files."""

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from dashboard.columns.layout import Table


def csv_file(table: Table, rows: Iterable[Mapping[str, Any]], new_path: Callable[[str], Path]) -> Path:
    """A new file with the columns of a table, in their order."""
    path = new_path("csv")
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [row[column.name] for column in table.columns] for row in rows
        )
    return path
