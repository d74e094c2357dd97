"""A controller and two brokers that a test can kill one by one."""

import os
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from footfall.local import kafka, ports
from footfall.local.containers import docker_available
from footfall.local.process import Process
from footfall.local.program import Program
from footfall.local.settings import cache_folder

_CONTROLLER, _BROKERS = 1, (2, 3)
_FOR_ALL = {
    # A broker that was killed is noticed soon.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "offsets.topic.replication.factor": "2",
    # A broker that lacks records may become a leader if no other one is there.
    "unclean.leader.election.enable": "true",
    "transaction.state.log.replication.factor": "2",
    "share.coordinator.state.topic.replication.factor": "2",
}


class KafkaCluster:
    """Its brokers have the numbers 2 and 3."""

    def __init__(self, folder: Path) -> None:
        if docker_available():
            pytest.skip("needs brokers on a local JVM, which can be killed")
        self._ports = dict(zip((_CONTROLLER, *_BROKERS), _free_ports(3), strict=True))
        self._programs = {number: self._program(folder / str(number), number) for number in self._ports}
        _same_cluster(folder)
        self._folder, self._processes = folder, dict[int, Process]()
        self.bootstrap = ",".join(f"127.0.0.1:{self._ports[number]}" for number in _BROKERS)
        self.start(*self._ports)

    def start(self, *numbers: int) -> None:
        for number in numbers:
            log = self._folder / f"{number}.log"
            self._processes[number] = Process(self._programs[number], log)
        deadline = time.monotonic() + 90
        while not all(self._programs[number].is_ready() for number in numbers):
            assert time.monotonic() < deadline, [each.log_tail() for each in self._processes.values()]
            time.sleep(0.1)

    def kill(self, number: int) -> None:
        process = self._processes[number]
        os.kill(process.pid, signal.SIGKILL)
        process.stop(5)

    def end(self) -> None:
        """Its data is deleted, so nothing needs to be closed in order."""
        for process in self._processes.values():
            process.stop(0)

    def _program(self, folder: Path, number: int) -> Program:
        port = self._ports[number]
        program = kafka.broker(folder, port=port, environ={}, cache=cache_folder(), echo=print)
        given = dict(
            line.split("=", 1)
            for line in (folder / "server.properties").read_text().splitlines()
            if "=" in line and not line.startswith("#")
        )
        given |= _FOR_ALL | {"node.id": str(number)}
        given["controller.quorum.voters"] = f"{_CONTROLLER}@127.0.0.1:{self._ports[_CONTROLLER]}"
        if number == _CONTROLLER:
            given |= {"process.roles": "controller", "listeners": f"CONTROLLER://127.0.0.1:{port}"}
            del given["advertised.listeners"]
        else:
            given |= {"process.roles": "broker", "listeners": f"PLAINTEXT://127.0.0.1:{port}"}
        (folder / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in given.items()))
        return replace(program, is_ready=partial(ports.accepts_connections, port))


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        port = ports.choose()
        found += [port] if port not in found else []
    return found


def _same_cluster(folder: Path) -> None:
    """Each was formatted as the only node of a cluster of its own."""
    files = sorted(folder.glob("*/log/meta.properties"))
    cluster = next(line for line in files[0].read_text().splitlines() if line.startswith("cluster.id="))
    for file in files:
        lines = [
            cluster
            if line.startswith("cluster.id=")
            else f"node.id={file.parent.parent.name}"
            if line.startswith("node.id=")
            else line
            for line in file.read_text().splitlines()
        ]
        file.write_text("\n".join(lines) + "\n")
