"""Keeps programs running: restarts those that exit unexpectedly, with a growing delay, and reports it."""

import time
from collections.abc import Callable
from pathlib import Path

from footfall.local.process import Process
from footfall.local.program import Program

MIN_BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 10.0
# After this long the backoff starts from the beginning.
STEADY_SECONDS = 30.0

Echo = Callable[[str], None]


def backoff(crashes: int) -> float:
    """Seconds to wait before a restart after so many crashes in a row."""
    return float(min(MIN_BACKOFF_SECONDS * 2 ** (crashes - 1), MAX_BACKOFF_SECONDS))


class Supervisor:
    """Runs programs; `on_start` is called after every start, to update `stack.json`."""

    def __init__(self, logs: Path, echo: Echo, on_start: Callable[[], None]) -> None:
        self._logs, self._echo, self._on_start = logs, echo, on_start
        self.processes: dict[str, Process] = {}
        # Crashes in a row, by name.
        self._crashes: dict[str, int] = {}
        # When to restart (time.monotonic), by name; infinity once stopped.
        self._restart_at: dict[str, float] = {}

    def start(self, program: Program) -> None:
        """Start a program and keep it running."""
        self.processes[program.name] = Process(program, self._logs / f"{program.name}.log")
        self._on_start()

    def wait_until_ready(self, programs: list[Program], seconds: float, stopping: Callable[[], bool]) -> None:
        """Wait for all of them, restarting those that crash. Raise TimeoutError with the names of the others."""
        deadline = time.monotonic() + seconds
        waiting = list(programs)
        while waiting and not stopping():
            self.restart_exited()
            for program in [program for program in waiting if program.is_ready()]:
                waiting.remove(program)
                self._echo(f"{program.name}: ready in {self.processes[program.name].uptime():.1f} s")
            if waiting and time.monotonic() > deadline:
                raise TimeoutError(self._not_ready(waiting, seconds))
            time.sleep(0.05)

    def restart_exited(self) -> None:
        """Notice which programs have exited, and restart those whose backoff is over. Call it often."""
        for name, process in self.processes.items():
            if name not in self._restart_at and (reason := process.exit_reason()):
                self._plan_restart(name, process, reason)
        now = time.monotonic()
        for name in [name for name, due in self._restart_at.items() if due <= now]:
            del self._restart_at[name]
            self.start(self.processes[name].program)

    def stop(self, names: list[str], deadline: float) -> None:
        """Stop these in order, all of them before `deadline` (time.monotonic)."""
        for position, name in enumerate(names):
            self._restart_at[name] = float("inf")
            remaining = max(0.2, deadline - time.monotonic())
            # Each may use part of the remaining time, the last one all of it.
            is_last = position == len(names) - 1
            self.processes[name].stop(remaining if is_last else max(0.2, remaining * 0.6))

    def _plan_restart(self, name: str, process: Process, reason: str) -> None:
        crashes = 1 if process.uptime() > STEADY_SECONDS else self._crashes.get(name, 0) + 1
        self._crashes[name] = crashes
        self._restart_at[name] = time.monotonic() + backoff(crashes)
        self._echo(f"{name}: exited ({reason}); restarting it in {backoff(crashes):.1f} s. Log: {process.log}")
        if process.program.show_log_on_crash:
            self._echo(process.log_tail())

    def _not_ready(self, waiting: list[Program], seconds: float) -> str:
        logs = ", ".join(f"{program.name} ({self.processes[program.name].log})" for program in waiting)
        return f"Not ready after {seconds:.0f} s: {logs}. The logs say why."
