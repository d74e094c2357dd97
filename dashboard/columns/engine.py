"""DuckDB: makes column files and queries them, with bounded threads, memory and disk."""

import json
import os
import re
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import duckdb
from numpy.typing import NDArray

from dashboard.columns.layout import Table
from dashboard.columns.plan import ColumnFile
from dashboard.columns.select import quoted, select_from

Fetched = TypeVar("Fetched")

_MAX_THREADS = 4
_MEMORY = "256MB"
_MAX_TEMP = "20GB"
# Of a row in CSV: far more than the largest record has. DuckDB holds a buffer in memory, else the whole file.
_MAX_LINE_BYTES, _BUFFER_BYTES = 8 << 20, 16 << 20
_PARAMETER = re.compile(r"\$(\w+)")
_ROW_GROUP = 61_440
_META = "footfall"
# As Postgres writes it; older files have none.
_SNAPSHOT = re.compile(r"(\d+:\d+:[\d,]*)?", re.ASCII)


class Cancelled(Exception):
    """Nobody waits for the answer any more."""


class Engine:
    """A DuckDB in memory that can read and write only below one folder. Use it from any thread."""

    def __init__(self, root: Path) -> None:
        # For files of this process: what it has not finished, and what does not fit into memory.
        self.scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=root))
        self._duckdb = duckdb.connect(
            config={
                "threads": str(min(_MAX_THREADS, os.cpu_count() or 1)),
                "memory_limit": _MEMORY,
                "temp_directory": str(self.scratch / "spilled"),
                "max_temp_directory_size": _MAX_TEMP,
                "preserve_insertion_order": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        self._duckdb.execute("load parquet")
        self._duckdb.execute("set parquet_metadata_cache = true")
        self._duckdb.execute(f"set allowed_directories = [{quoted(root)}]")
        self._duckdb.execute("set enable_external_access = false")
        self._duckdb.execute("set lock_configuration = true")

    def make_scratch(self) -> None:
        """Make the folder for files of this process again, if somebody deleted it."""
        self.scratch.mkdir(mode=0o700, exist_ok=True)

    def close(self) -> None:
        """Free the memory, and delete the files of this process."""
        self._duckdb.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def new_path(self, ending: str) -> Path:
        """Of a file for this process alone."""
        return self.scratch / f"{uuid.uuid4().hex}.{ending}"

    def session(self) -> "Session":
        """For the queries of one question."""
        return Session(self._duckdb.cursor())

    def write_csvs(self, table: Table, csvs: Iterable[Path], target: Path, meta: Mapping[str, Any]) -> int:
        """Make a file of the rows of CSV files, which are deleted. Return how many they are."""
        parts: list[Path] = []
        try:
            rows = sum(self._write_part(table, csv, parts, meta) for csv in csvs)
            if len(parts) == 1:
                parts[0].replace(target)
            else:
                merged = self.write(
                    select_from([(str(part), ()) for part in parts]) or table.no_rows, target, meta
                )
                rows = min(rows, merged)
            return rows
        finally:
            for part in parts:
                part.unlink(missing_ok=True)

    def _write_part(self, table: Table, csv: Path, parts: list[Path], meta: Mapping[str, Any]) -> int:
        read = (
            f"read_csv({quoted(csv)}, header = false, auto_detect = false, delim = ',', quote = '\"',"
            f" escape = '\"', nullstr = '', allow_quoted_nulls = false, new_line = '\\n', parallel = false,"
            f" max_line_size = {_MAX_LINE_BYTES}, buffer_size = {_BUFFER_BYTES},"
            f" columns = {table.csv_columns})"
        )
        parts.append(self.new_path("parquet"))
        try:
            return self.write(f"select * from {read} order by {table.order}", parts[-1], meta)
        finally:
            csv.unlink(missing_ok=True)

    def meta(self, path: Path) -> Any:
        """What a file was written with."""
        ((value,),) = self.session().rows(
            f"select value from parquet_kv_metadata({quoted(path)}) where key = '{_META}'"
        )
        return json.loads(value)

    def count(self, path: str) -> int:
        """How many rows a file has."""
        ((rows,),) = self.session().rows(f"select count(*) from read_parquet({quoted(path)})")
        return int(rows)

    def write(self, select: str, target: Path, meta: Mapping[str, Any], row_group: int = _ROW_GROUP) -> int:
        """Make a file of what is selected. Return how many rows it has."""
        ((rows,),) = self.session().rows(
            f"copy ({select}) to {quoted(target)} (format parquet, compression zstd,"
            f" row_group_size {row_group}, kv_metadata {{{_META}: {quoted(json.dumps(meta))}}})"
        )
        return int(rows)


class Session:
    """Queries one after the other, in a thread, until they are cancelled by another one."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor, self._cancelled = cursor, threading.Event()

    def rows(self, query: str, params: Mapping[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
        """The rows of a query. It gets those of the parameters that it names."""
        return self._asked(query, params, lambda found: found.fetchall())

    def columns(self, query: str, params: Mapping[str, Any] | None = None) -> Mapping[str, NDArray[Any]]:
        """The columns of a query, by name. Lists are arrays, too."""
        return self._asked(query, params, lambda found: found.fetchnumpy())

    def _asked(
        self,
        query: str,
        params: Mapping[str, Any] | None,
        fetched: Callable[[duckdb.DuckDBPyConnection], Fetched],
    ) -> Fetched:
        named = {name: params[name] for name in _PARAMETER.findall(query) if name in params} if params else None
        if self._cancelled.is_set():
            raise Cancelled
        try:
            return fetched(self._cursor.execute(query, named or None))
        except duckdb.InterruptException as error:
            raise Cancelled from error

    def cancel(self) -> None:
        """End the running query and those after it."""
        self._cancelled.set()
        self._cursor.interrupt()


def file_of(path: Path, meta: Mapping[str, Any]) -> ColumnFile:
    """A file, by what it was written with. Raise `KeyError` or `ValueError` if that is not what files have."""
    as_of = str(meta.get("as_of", ""))
    if not _SNAPSHOT.fullmatch(as_of):
        raise ValueError(f"a snapshot called {as_of!r:.50}")
    return ColumnFile(
        path=str(path),
        first=meta["first"],
        end=meta["end"],
        hours={int(hour): rows for hour, rows in meta["hours"].items()},
        erased=meta["erased"],
        dropped=meta["dropped"],
        as_of=as_of,
    )
