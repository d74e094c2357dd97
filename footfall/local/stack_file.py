"""`stack.json`: what runs, where, and which processes; so that clients can join in and no orphan stays."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from footfall.local.process import birth, end_group

# Every process of a stack carries this variable, which is no setting; its value is the data folder.
MARK = "_FOOTFALL_STACK"


class AlreadyRunning(Exception):
    """Another `footfall up` holds the data folder."""


class ForeignFolder(Exception):
    """The folder holds files and is none of ours."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder of one stack."""

    path: Path

    @property
    def record(self) -> Path:
        """Where clients read what runs."""
        return self.path / "stack.json"

    def make(self) -> None:
        """Make the folder; refuse one that holds somebody else's files."""
        marker = self.path / ".footfall"
        if self.path.exists() and not marker.exists() and any(self.path.iterdir()):
            raise ForeignFolder(
                f"{self.path} holds files that are not footfall's. Set FOOTFALL_DATA_DIR to a new folder."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        marker.touch()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; the lock goes with the process, however it ends."""
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning(self._running_where()) from None
            yield

    def write(self, record: dict[str, Any]) -> None:
        """Replace the record; readers see the old or the new one, whole."""
        part = self.record.with_suffix(".part")
        part.touch(mode=0o600)  # a given DSN may hold a password
        part.write_text(json.dumps(record, indent=2) + "\n")
        part.replace(self.record)

    def read(self) -> dict[str, Any] | None:
        """The record, or None while nothing runs."""
        try:
            read: dict[str, Any] = json.loads(self.record.read_text())
        except FileNotFoundError:
            return None
        return read

    def forget(self) -> None:
        """Nothing runs any more."""
        self.record.unlink(missing_ok=True)

    def orphans(self) -> list[psutil.Process]:
        """Processes of an earlier stack on this folder that still run. Call it with the lock held."""
        recorded = {s["pid"]: s["born"] for s in (self.read() or {}).get("services", {}).values()}
        found = []
        for process in psutil.process_iter():
            if process.pid == os.getpid():
                continue
            if recorded.get(process.pid) == birth(process.pid) is not None or self._is_marked(process):
                found.append(process)
        return found

    def end_orphans(self) -> int:
        """End them and all of their process groups; how many there were."""
        orphans = self.orphans()
        for process in orphans:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        _, stubborn = psutil.wait_procs(orphans, timeout=5)
        for process in stubborn:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(stubborn, timeout=5)
        for process in orphans:
            end_group(process.pid)
        return len(orphans)

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get(MARK) == str(self.path))
        except (psutil.Error, OSError):
            return False

    def _running_where(self) -> str:
        record = self.read()
        where = f" on {record['http']}" if record else "; it is just starting or stopping"
        return f"footfall is already running with the data in {self.path}{where}."
