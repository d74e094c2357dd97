"""`footfall up`: Kafka, Postgres, topics and services, kept running until told to stop."""

import asyncio
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from footfall.kafka.topics import create_missing
from footfall.local import containers, kafka, local_keys, ports, postgres, services
from footfall.local.process import birth
from footfall.local.program import Program
from footfall.local.settings import LocalSettings, cache_folder
from footfall.local.stack_file import MARK, DataFolder
from footfall.local.supervisor import Supervisor
from service_kit.kafka import KafkaSettings
from service_kit.settings import load

DEFAULT_HTTP_PORT = 3000
STOP_SECONDS = 9.0
START_SECONDS = 60.0

Say = Callable[[str], None]


class PortTaken(Exception):
    """The port that the user asked for is in use."""


class Stack:
    """One stack on one data folder, whose lock the caller holds."""

    def __init__(self, settings: LocalSettings, environ: Mapping[str, str], say: Say) -> None:
        self._settings, self._say = settings, say
        self._folder = DataFolder(settings.folder)
        self._given = {name: value for name, value in environ.items() if name.startswith("FOOTFALL_")}
        self._mark = {MARK: str(settings.folder)}
        self._supervisor = Supervisor(settings.folder / "logs", say, self._write_record)
        self._addresses: dict[str, str] = {}
        self._stopping = False

    def start_empty(self) -> None:
        """Remove what an earlier stack kept. The keys stay, so that known users keep their hashes."""
        for name in ("kafka", "postgres"):
            shutil.rmtree(self._folder.path / name, ignore_errors=True)
        self._say("Starting empty: the data of Kafka and Postgres is removed")

    def run(self, welcome: Callable[[Mapping[str, str]], None]) -> None:
        """Start everything, call `welcome` with the addresses, keep it running until a signal, stop it."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop_soon)
        try:
            self._start()
            if not self._stopping:
                welcome(self._addresses)
            while not self._stopping:
                self._supervisor.mend()
                time.sleep(0.1)
        finally:
            self._stop()

    def _stop_soon(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _start(self) -> None:
        if ended := self._folder.end_orphans():
            self._say(f"Ended {ended} processes that an earlier start had left behind")
        http_port = self._http_port()
        broker, server = self._find_stores()
        self._addresses = {"http": f"http://localhost:{http_port}", "kafka": broker.bootstrap}
        self._addresses["postgres"] = server.dsn
        stores = [program for program in (broker.program, server.program) if program]
        self._say(f"Kafka: {broker.origin}, at {broker.bootstrap}")
        self._say(f"Postgres: {server.origin}, at {_without_password(server.dsn)}")
        self._launch(stores)
        if not self._stopping:
            cluster = load(KafkaSettings, {**self._given, "FOOTFALL_KAFKA_BOOTSTRAP": broker.bootstrap})
            asyncio.run(_create_topics(cluster, self._say))
            self._launch(self._services(http_port))

    def _launch(self, programs: list[Program]) -> None:
        for program in programs:
            self._say(f"{program.name}: starting")
            self._supervisor.start(program)
        self._supervisor.wait_until_ready(programs, START_SECONDS, lambda: self._stopping)

    def _http_port(self) -> int:
        wanted = self._settings.port
        if wanted and not ports.claim(wanted):
            raise PortTaken(f"Port {wanted} (FOOTFALL_PORT) is in use. Choose another, or stop what uses it.")
        return wanted or ports.choose(DEFAULT_HTTP_PORT)

    def _find_stores(self) -> tuple[kafka.Kafka, postgres.Postgres]:
        broker = kafka.find(
            self._folder.path / "kafka",
            given=self._settings.kafka_bootstrap,
            port=ports.choose(kafka.DEFAULT_PORT),
            environ=self._mark,
            cache=cache_folder(),
            say=self._say,
        )
        dsn = self._settings.postgres_dsn
        server = postgres.find(
            self._folder.path / "postgres",
            given=dsn.reveal() if dsn else None,
            port=ports.choose(postgres.DEFAULT_PORT),
            environ=self._mark,
        )
        return broker, server

    def _services(self, http_port: int) -> list[Program]:
        environ = {
            **local_keys.read_or_make(self._folder.path),
            "FOOTFALL_TRUST_LOOPBACK": "true",
            **self._given,
            **self._mark,
            "FOOTFALL_KAFKA_BOOTSTRAP": self._addresses["kafka"],
            "FOOTFALL_POSTGRES_DSN": self._addresses["postgres"],
        }
        return services.programs(http_port, ports.choose, environ)

    def _write_record(self) -> None:
        listed: dict[str, Any] = {}
        for process in self._supervisor.processes.values():
            for name in process.program.services:
                listed[name] = {"pid": process.pid, "born": birth(process.pid), "log": str(process.log)}
        self._folder.write({**self._addresses, "services": listed})

    def _stop(self) -> None:
        started = list(self._supervisor.processes)
        if started:
            self._say("Stopping")
        # Services first, the stores they need last.
        stores = [name for name in ("kafka", "postgres") if name in started]
        order = [name for name in reversed(started) if name not in stores] + stores
        self._supervisor.stop(order, time.monotonic() + STOP_SECONDS)
        containers.stop_all()
        self._folder.forget()
        if started:
            self._say(f"Stopped. The data stays in {self._folder.path}")


async def _create_topics(cluster: KafkaSettings, say: Say) -> None:
    reports = await create_missing(cluster)
    if created := [report.topic for report in reports if report.state == "created"]:
        say(f"Topics: created {', '.join(created)}")
    for report in reports:
        if report.differences:
            say(f"Topic {report.topic} differs from its description: {'; '.join(report.differences)}")


def _without_password(dsn: str) -> str:
    head, _, tail = dsn.rpartition("@")
    scheme, _, user = head.rpartition("//")
    return f"{scheme}//{user.split(':')[0]}@{tail}" if head else dsn
