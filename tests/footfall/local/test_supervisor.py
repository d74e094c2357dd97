"""Programs are kept running: one that exits unexpectedly is reported and restarted."""

import sys
import time
from pathlib import Path

import psutil
import pytest

from footfall.local.program import Program
from footfall.local.supervisor import MAX_BACKOFF_SECONDS, Supervisor, backoff


def program(name: str, code: str) -> Program:
    return Program(name=name, argv=(sys.executable, "-c", code), is_ready=lambda: True)


@pytest.fixture
def echoed() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, echoed: list[str]) -> Supervisor:
    return Supervisor(tmp_path, echoed.append, lambda: None)


def restart_until(supervisor: Supervisor, done: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:  # type: ignore[operator] # a function
        supervisor.restart_exited()
        time.sleep(0.02)
    assert done()  # type: ignore[operator] # a function


def test_a_crash_is_reported_with_its_reason_and_log_and_the_program_is_restarted(
    supervisor: Supervisor, echoed: list[str], tmp_path: Path
) -> None:
    supervisor.start(program("worker", "import time; print('hello', flush=True); time.sleep(60)"))
    first = supervisor.processes["worker"].pid
    time.sleep(0.3)
    psutil.Process(first).kill()
    restart_until(supervisor, lambda: supervisor.processes["worker"].pid != first)
    assert "worker: exited (killed by SIGKILL)" in echoed[0]
    assert str(tmp_path / "worker.log") in echoed[0]
    assert (tmp_path / "worker.log.1").read_text() == "hello\n"
    supervisor.stop(["worker"], time.monotonic() + 5)
    assert supervisor.processes["worker"].exit_reason()


def test_a_program_that_crashes_immediately_is_restarted_with_a_growing_delay(
    supervisor: Supervisor, echoed: list[str]
) -> None:
    supervisor.start(program("worker", "raise SystemExit(3)"))
    restart_until(supervisor, lambda: len(echoed) >= 3)
    assert ["in 0.2 s" in echoed[0], "in 0.4 s" in echoed[1], "in 0.8 s" in echoed[2]] == [True] * 3
    assert "exit code 3" in echoed[0]


def test_a_program_that_ignores_the_signal_is_killed_with_all_its_children(supervisor: Supervisor) -> None:
    stubborn = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    supervisor.start(program("stubborn", stubborn))
    process = supervisor.processes["stubborn"]
    deadline = time.monotonic() + 60
    while not process.log.read_text().strip() and time.monotonic() < deadline:
        time.sleep(0.02)
    child = int(process.log.read_text())
    started = time.monotonic()
    supervisor.stop(["stubborn"], started + 1)
    assert time.monotonic() - started < 30  # it would sleep for a minute
    assert process.exit_reason() == "killed by SIGKILL"
    psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=2)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_the_backoff_grows_up_to_a_maximum() -> None:
    assert [backoff(crashes) for crashes in (1, 2, 3)] == [0.2, 0.4, 0.8]
    assert backoff(1000) == MAX_BACKOFF_SECONDS
