"""Keeps programs running: starts again what ends unexpectedly, ever more slowly, and says so."""

import time
from collections.abc import Callable
from pathlib import Path

from footfall.local.process import Process
from footfall.local.program import Program

FIRST_PAUSE = 0.2
MAX_PAUSE = 10.0
# A program that ran this long was well; its next crash is a new story.
STEADY = 30.0

Say = Callable[[str], None]


def pause(crashes: int) -> float:
    """Seconds to wait before the start after this many crashes in a row."""
    return float(min(FIRST_PAUSE * 2 ** (crashes - 1), MAX_PAUSE))


class Supervisor:
    """Runs programs; `changed` is called after every start, so that the record is never behind."""

    def __init__(self, logs: Path, say: Say, changed: Callable[[], None]) -> None:
        self._logs, self._say, self._changed = logs, say, changed
        self.processes: dict[str, Process] = {}
        self._crashes: dict[str, int] = {}
        self._due: dict[str, float] = {}

    def start(self, program: Program) -> None:
        """Start a program and keep it running from now on."""
        self.processes[program.name] = Process(program, self._logs / f"{program.name}.log")
        self._changed()

    def wait_until_ready(self, programs: list[Program], seconds: float, stopping: Callable[[], bool]) -> None:
        """Wait for all; crashes meanwhile are mended. Raise TimeoutError naming who is not ready."""
        deadline = time.monotonic() + seconds
        waiting = list(programs)
        while waiting and not stopping():
            self.mend()
            for program in [program for program in waiting if program.is_ready()]:
                waiting.remove(program)
                self._say(f"{program.name}: ready in {self.processes[program.name].ran_for():.1f} s")
            if waiting and time.monotonic() > deadline:
                raise TimeoutError(self._not_ready(waiting, seconds))
            time.sleep(0.05)

    def mend(self) -> None:
        """Notice what has ended and start again what is due. Call it a few times a second."""
        for name, process in self.processes.items():
            if name not in self._due and (ended := process.ended()):
                self._plan_restart(name, process, ended)
        now = time.monotonic()
        for name in [name for name, due in self._due.items() if due <= now]:
            del self._due[name]
            self.start(self.processes[name].program)

    def stop(self, names: list[str], deadline: float) -> None:
        """Stop these in order, the last of them at the latest at `deadline` (time.monotonic)."""
        for position, name in enumerate(names):
            self._due[name] = float("inf")
            left = max(0.2, deadline - time.monotonic())
            self.processes[name].stop(max(0.2, left * 0.6) if position < len(names) - 1 else left)

    def _plan_restart(self, name: str, process: Process, ended: str) -> None:
        crashes = 1 if process.ran_for() > STEADY else self._crashes.get(name, 0) + 1
        self._crashes[name] = crashes
        self._due[name] = time.monotonic() + pause(crashes)
        self._say(f"{name}: ended ({ended}); starting it again in {pause(crashes):.1f} s. Its log: {process.log}")
        if process.program.show_log_on_crash:
            self._say(process.log_tail())

    def _not_ready(self, waiting: list[Program], seconds: float) -> str:
        logs = ", ".join(f"{program.name} ({self.processes[program.name].log})" for program in waiting)
        return f"Not ready after {seconds:.0f} s: {logs}. The logs say why."
