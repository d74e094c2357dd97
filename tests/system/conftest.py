"""One `footfall up` for the system tests, stopped whatever happens."""

import contextlib
import signal
from collections.abc import Iterator

import pytest

from tests.system.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack, empty at the start of each module."""
    running = Stack(tmp_path_factory.mktemp("stack") / "data")
    try:
        running.start()
        yield running
    finally:
        if running.process and running.process.poll() is None:
            running.stop(signal.SIGTERM)
        for process in running.left_over():
            with contextlib.suppress(Exception):
                process.kill()
