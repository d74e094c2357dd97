"""`footfall up` for the system tests, always stopped at the end."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.system.stack import Stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests of this folder to which events of other tests do not matter."""
    settings = {"FOOTFALL_EVENT_TOPICS": "page_view", "FOOTFALL_SDK_PATH": "/insights"}
    yield from running(tmp_path_factory.mktemp("stack") / "data", settings=settings)


@pytest.fixture(scope="module")
def first_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with only the events of one module's tests, which run in order."""
    yield from running(tmp_path_factory.mktemp("first") / "data")


@pytest.fixture
def empty_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack for one test."""
    yield from running(tmp_path / "data")


def running(folder: Path, checkout: Path | None = None, settings: dict[str, str] | None = None) -> Iterator[Stack]:
    """A stack of this or another checkout, until the fixture ends. Its data is deleted: it need not stop in order."""
    stack = Stack(folder, checkout, settings)
    try:
        stack.start()
        yield stack
    finally:
        if stack.process:
            stack.process.kill()  # first, as it would restart the others
            stack.process.wait()
        end(stack.left_over())


def end(processes: list[psutil.Process]) -> None:
    """Kill them; Postgres ends itself, to give its shared memory back."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGQUIT if process.name() == "postgres" else signal.SIGKILL)
    for process in psutil.wait_procs(processes, timeout=10)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()
