"""A Kafka broker that a test can freeze and kill."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from footfall.local import kafka, ports
from footfall.local.containers import docker_available
from footfall.local.process import Process
from footfall.local.settings import cache_folder


class KafkaBroker:
    """A real broker on a local JVM. It keeps its port across restarts, unless it moves."""

    def __init__(self, folder: Path, **properties: object) -> None:
        if docker_available():
            pytest.skip("needs a broker on a local JVM, which can be frozen and killed")
        self._folder = folder
        self.port = ports.choose()
        broker = kafka.find(folder, given=None, port=self.port, environ={}, cache=cache_folder(), echo=print)
        assert broker.program
        self.bootstrap, self._program = broker.bootstrap, broker.program
        self._add(properties)
        self.start()

    def start(self) -> None:
        self._process = Process(self._program, self._folder / "broker.log")
        deadline = time.monotonic() + 60
        while not self._program.is_ready():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def move(self, **properties: object) -> None:
        """Restart it with the same data at another port, and with more properties: the old address is gone."""
        self.stop()
        self.port = ports.choose(self.port + 1)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._program = kafka.broker(self._folder, port=self.port, environ={}, cache=cache_folder(), echo=print)
        self._add(properties)
        self.start()

    def _add(self, properties: Mapping[str, object]) -> None:
        with (self._folder / "server.properties").open("a") as file:
            file.writelines(f"{name.replace('_', '.')}={value}\n" for name, value in properties.items())

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

    def end(self) -> None:
        """Stop it for good. Its data is deleted, so nothing needs to be closed in order."""
        self.thaw_if_running()
        self._process.stop(0)

    def thaw_if_running(self) -> None:
        if self._process.exit_reason() is None:
            self.thaw()
