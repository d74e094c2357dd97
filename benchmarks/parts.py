"""A broker and a Postgres for a benchmark. The broker is `FOOTFALL_KAFKA_BOOTSTRAP` if set."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from footfall.local import kafka, ports, postgres
from footfall.local.process import Process
from footfall.local.program import Program
from footfall.local.settings import cache_folder


@contextmanager
def broker() -> Iterator[str]:
    """Bootstrap server of a real broker."""
    with tempfile.TemporaryDirectory() as folder:
        found = kafka.find(
            Path(folder),
            given=os.environ.get("FOOTFALL_KAFKA_BOOTSTRAP"),
            port=ports.choose(),
            environ={},
            cache=cache_folder(),
            echo=print,
        )
        with _running(found.program, Path(folder)):
            yield found.bootstrap


@contextmanager
def database() -> Iterator[str]:
    """DSN of a real, empty database."""
    with tempfile.TemporaryDirectory() as folder:
        found = postgres.find(Path(folder), given=None, port=ports.choose(), password="benchmark", environ={})
        with _running(found.program, Path(folder)):
            with psycopg.connect(found.dsn, autocommit=True) as connection:
                # For what benchmarks ask themselves. The services set it, too.
                connection.execute("alter database footfall set search_path = footfall")
            yield found.dsn


@contextmanager
def _running(program: Program | None, folder: Path) -> Iterator[None]:
    if program is None:
        yield
        return
    process = Process(program, folder / f"{program.name}.log")
    try:
        while not program.is_ready():
            time.sleep(0.05)
        yield
    finally:
        process.stop(10)


def cpu_seconds(pid: int) -> float:
    """User and system CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
