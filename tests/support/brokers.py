"""A broker of a test's own, that it may freeze and kill."""

import os
import signal
import time
from pathlib import Path

import pytest

from footfall.local import kafka, ports
from footfall.local.containers import docker_available
from footfall.local.process import Process
from footfall.local.settings import cache_folder


class Broker:
    """A real broker on a local JVM, on one port through all its lives."""

    def __init__(self, folder: Path) -> None:
        if docker_available():
            pytest.skip("needs a broker on a local JVM, to be frozen and killed")
        self._folder = folder
        port = ports.choose()
        found = kafka.find(folder, given=None, port=port, environ={}, cache=cache_folder(), echo=print)
        assert found.program
        self.bootstrap, self._program = found.bootstrap, found.program
        self.start()

    def start(self) -> None:
        self._process = Process(self._program, self._folder / "broker.log")
        deadline = time.monotonic() + 60
        while not self._program.is_ready():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.stop(5)

    def stop(self) -> None:
        self.thaw_if_running()
        self._process.stop(10)

    def thaw_if_running(self) -> None:
        if self._process.exit_reason() is None:
            self.thaw()
