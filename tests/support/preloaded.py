"""Services that start without the second of CPU time that their imports take.

A process imports a service once, and each start is a fork of it, which then runs the module as `python -m` would:
with its own environment, arguments and log, and a pid to kill.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Read when a service is imported, so that a fork would not see it.
_READ_BY_IMPORTS = "FOOTFALL_CONTRACT"


class Forked:
    """A process that another one has forked, with as much of `subprocess.Popen` as tests use."""

    def __init__(self, preloaded: "_Preloaded", pid: int) -> None:
        self.pid, self.returncode = pid, None
        self._preloaded, self._handle, self._lock = preloaded, os.pidfd_open(pid), threading.Lock()

    returncode: int | None

    def poll(self) -> int | None:
        return self._reap(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._reap(timeout)
        if code is None:
            assert timeout
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Unlike a pid, the handle never means another process."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _reap(self, seconds: float | None) -> int | None:
        """The exit code, once the process has exited."""
        if self.returncode is None and select.select([self._handle], [], [], seconds)[0]:
            with self._lock:
                if self.returncode is None:
                    self.returncode = self._preloaded.ask({"exit_code_of": self.pid})
        return self.returncode

    def __del__(self) -> None:
        os.close(self._handle)


def start(run: Sequence[str], service: str, environ: Mapping[str, str], log: Path) -> Forked | None:
    """`python -m` with these arguments and this environment; None if only a new process would do the same."""
    if not sys.platform.startswith("linux") or _READ_BY_IMPORTS in environ:
        return None
    preloaded = _preload(service, tuple(sorted(_not_ours(environ).items())))
    return Forked(preloaded, preloaded.ask({"run": run, "environ": dict(environ), "log": str(log.absolute())}))


def _not_ours(environ: Mapping[str, str]) -> dict[str, str]:
    """What libraries may read when they are imported. Pytest changes a variable of its own with every test."""
    return {k: v for k, v in environ.items() if not k.startswith(("FOOTFALL_", "PYTEST_"))}


@functools.cache
def _preload(service: str, environ: tuple[tuple[str, str], ...]) -> "_Preloaded":
    return _Preloaded(service, dict(environ))


class _Preloaded:
    """The process that has imported the service. It ends when this one does, as that closes the pipe."""

    def __init__(self, service: str, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, service],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._lock = threading.Lock()
        atexit.register(self._process.communicate)  # which closes the pipe and waits

    def ask(self, question: Mapping[str, Any]) -> int:
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps(question) + "\n")
            return int(self._process.stdout.readline())


def _answer_questions() -> list[str] | None:
    """Fork whenever asked; in a fork, what it shall run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the pipe says when to end
    answers, running = os.fdopen(os.dup(1), "w"), set[int]()
    for line in iter(sys.stdin.readline, ""):
        question = json.loads(line)
        if "exit_code_of" in question:
            pid, status = os.waitpid(question["exit_code_of"], 0)
            answer = os.waitstatus_to_exitcode(status)
            running.discard(pid)
        elif not (answer := os.fork()):
            answers.close()
            return _become(question["run"], question["environ"], question["log"])
        else:
            running.add(answer)
        print(answer, file=answers, flush=True)
    for pid in running:  # whoever asked has ended, perhaps in the middle of a test
        os.kill(pid, signal.SIGKILL)
    return None


def _become(run: list[str], environ: dict[str, str], log: str) -> list[str]:
    """Take the environment and the log of a process that was just started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for replaced, by in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
        os.dup2(by, replaced)
    os.environ.clear()
    os.environ.update(environ)
    return run


if __name__ == "__main__":
    importlib.import_module(f"{sys.argv[1]}.__main__")
    gc.freeze()  # a collection in a fork would copy every page of them
    if arguments := _answer_questions():
        sys.argv = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
