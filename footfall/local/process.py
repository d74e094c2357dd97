"""A running program: its process group, its log file and how it exited."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil

from footfall.local.program import Program


class Process:
    """A program in a process group of its own, so that Ctrl-C reaches only its supervisor."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.started = time.monotonic()
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                program.argv,
                env={**os.environ, **program.environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=program.user,
                group=_group(program.user),
                extra_groups=[] if program.user else None,
            )

    @property
    def pid(self) -> int:
        """The id of the process and of its process group."""
        return self._popen.pid

    def exit_reason(self) -> str | None:
        """How the process exited, in words; None while it runs."""
        return None if (code := self._popen.poll()) is None else describe_exit(code)

    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def stop(self, seconds: float) -> None:
        """Send SIGTERM; after `seconds`, kill it. Then kill the rest of its process group."""
        if self._popen.poll() is None:
            self._popen.terminate()
            try:
                self._popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()
        kill_group(self.pid)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def kill_group(group: int) -> None:
    """Kill the remaining processes of a process group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def started_at(pid: int) -> float | None:
    """When the process was started (seconds since 1970). Pids are reused, but not with the same start time."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def _group(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd

    return pwd.getpwnam(user).pw_gid
