"""Programs are kept running; what ends unexpectedly is said and started again."""

import sys
import time
from pathlib import Path

import psutil
import pytest

from footfall.local.program import Program
from footfall.local.supervisor import Supervisor


def program(name: str, code: str) -> Program:
    return Program(name=name, argv=(sys.executable, "-c", code), is_ready=lambda: True)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Supervisor:
    return Supervisor(tmp_path, said.append, lambda: None)


def mend_until(supervisor: Supervisor, done: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:  # type: ignore[operator] # a function
        supervisor.mend()
        time.sleep(0.02)
    assert done()  # type: ignore[operator] # a function


def test_a_crash_is_said_with_its_reason_and_log_and_the_program_starts_again(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    supervisor.start(program("worker", "import time; print('hello', flush=True); time.sleep(60)"))
    first = supervisor.processes["worker"].pid
    time.sleep(0.3)
    psutil.Process(first).kill()
    mend_until(supervisor, lambda: supervisor.processes["worker"].pid != first)
    assert "worker: ended (killed by SIGKILL)" in said[0]
    assert str(tmp_path / "worker.log") in said[0]
    assert (tmp_path / "worker.log.1").read_text() == "hello\n"
    supervisor.stop(["worker"], time.monotonic() + 5)
    assert supervisor.processes["worker"].ended()


def test_a_program_that_crashes_at_once_is_tried_ever_more_slowly(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.start(program("worker", "raise SystemExit(3)"))
    mend_until(supervisor, lambda: len(said) >= 3)
    assert ["in 0.2 s" in said[0], "in 0.4 s" in said[1], "in 0.8 s" in said[2]] == [True] * 3
    assert "exit code 3" in said[0]


def test_a_program_that_ignores_the_signal_is_ended_with_all_that_it_started(supervisor: Supervisor) -> None:
    stubborn = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    supervisor.start(program("stubborn", stubborn))
    process = supervisor.processes["stubborn"]
    deadline = time.monotonic() + 5
    while not process.log.read_text().strip() and time.monotonic() < deadline:
        time.sleep(0.02)
    child = int(process.log.read_text())
    started = time.monotonic()
    supervisor.stop(["stubborn"], started + 1)
    assert time.monotonic() - started < 3
    assert process.ended() == "killed by SIGKILL"
    psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=2)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
