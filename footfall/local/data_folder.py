"""The data folder of a stack. `stack.json` in it says what runs where, and which processes."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from footfall.local.process import kill_group, started_at

# Every process of a stack has this variable in its environment (it is not a setting). Its value is the folder.
MARK = "_FOOTFALL_STACK"


class AlreadyRunning(Exception):
    """Another `footfall up` is using the data folder."""


class ForeignFolder(Exception):
    """The folder contains files that are not footfall's."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder of one stack: its data, logs, keys and `stack.json`."""

    path: Path

    @property
    def stack_file(self) -> Path:
        """`stack.json`, which exists only while the stack runs."""
        return self.path / "stack.json"

    def create(self) -> None:
        """Create the folder. Raise ForeignFolder if it contains files that are not footfall's."""
        marker = self.path / ".footfall"
        if self.path.exists() and not marker.exists() and any(self.path.iterdir()):
            raise ForeignFolder(
                f"{self.path} contains files that are not footfall's. Set FOOTFALL_DATA_DIR to a new folder."
            )
        # Others on this machine see nothing of it, an existing folder included. (A Postgres of another user has to
        # pass through the folder itself, so the ones in it are closed too.)
        for folder in (self.path, self.path / "kafka", self.path / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        marker.touch()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder. The system releases the lock when the process ends, however it ends."""
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning(self._where_it_runs()) from None
            yield

    def write_stack(self, stack: dict[str, Any]) -> None:
        """Replace `stack.json` atomically."""
        part = self.stack_file.with_suffix(".part")
        part.touch(mode=0o600)  # the user's own DSN may contain a password
        part.write_text(json.dumps(stack, indent=2) + "\n")
        part.replace(self.stack_file)

    def read_stack(self) -> dict[str, Any] | None:
        """The content of `stack.json`; None if nothing is running."""
        try:
            stack: dict[str, Any] = json.loads(self.stack_file.read_text())
        except FileNotFoundError:
            return None
        return stack

    def remove_stack(self) -> None:
        """Remove `stack.json`: nothing is running any more."""
        self.stack_file.unlink(missing_ok=True)

    def orphans(self) -> list[psutil.Process]:
        """Processes of an earlier stack on this folder that are still running. Lock the folder before."""
        recorded = {s["pid"]: s["started_at"] for s in (self.read_stack() or {}).get("services", {}).values()}
        found = []
        for process in psutil.process_iter():
            if process.pid == os.getpid():
                continue
            if recorded.get(process.pid) == started_at(process.pid) is not None or self._is_marked(process):
                found.append(process)
        return found

    def stop_orphans(self) -> int:
        """Stop them with all of their process groups, and return how many there were."""
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
            kill_group(process.pid)
        return len(orphans)

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return bool(process.environ().get(MARK) == str(self.path))
        except (psutil.Error, OSError):
            return False

    def _where_it_runs(self) -> str:
        stack = self.read_stack()
        where = f" at {stack['http']}" if stack else "; it is starting or stopping"
        return f"footfall is already running with the data in {self.path}{where}."
