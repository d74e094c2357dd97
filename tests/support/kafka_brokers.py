"""A Kafka broker that a test can freeze and kill."""

import os
import signal
import time
from pathlib import Path

import pytest

from footfall.local import kafka, ports
from footfall.local.containers import docker_available
from footfall.local.process import Process
from footfall.local.settings import cache_folder


class KafkaBroker:
    """A real broker on a local JVM. It keeps its port across restarts."""

    def __init__(self, folder: Path) -> None:
        if docker_available():
            pytest.skip("needs a broker on a local JVM, which can be frozen and killed")
        self._folder = folder
        port = ports.choose()
        broker = kafka.find(folder, given=None, port=port, environ={}, cache=cache_folder(), echo=print)
        assert broker.program
        self.bootstrap, self._program = broker.bootstrap, broker.program
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
