"""`footfall up`: starts Kafka, Postgres, topics and services, and keeps them running until a signal."""

import asyncio
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from footfall.kafka.topics import create_missing
from footfall.local import containers, kafka, keys, ports, postgres, services
from footfall.local.data_folder import MARK, DataFolder
from footfall.local.process import started_at
from footfall.local.program import Program
from footfall.local.settings import LocalSettings, cache_folder
from footfall.local.supervisor import Supervisor
from service_kit.event_topics import EventTopicsSettings
from service_kit.kafka.settings import KafkaSettings
from service_kit.settings import load

DEFAULT_HTTP_PORT = 3000
STOP_SECONDS = 9.0
START_SECONDS = 60.0

Echo = Callable[[str], None]


class PortInUse(Exception):
    """The port of FOOTFALL_PORT is in use."""


class Stack:
    """A stack with its data in one folder. The caller holds the lock of the folder."""

    def __init__(self, settings: LocalSettings, environ: Mapping[str, str], echo: Echo) -> None:
        self._settings, self._echo = settings, echo
        self._folder = DataFolder(settings.folder)
        self._user_settings = {name: value for name, value in environ.items() if name.startswith("FOOTFALL_")}
        self._mark = {MARK: str(settings.folder)}
        self._supervisor = Supervisor(settings.folder / "logs", echo, self._write_stack_file)
        self._endpoints: dict[str, str] = {}
        self._stopping = False

    def remove_data(self) -> None:
        """Remove the data of earlier starts. The keys stay, so that the same users keep the same hashes."""
        for name in ("kafka", "postgres"):
            shutil.rmtree(self._folder.path / name, ignore_errors=True)
        if containers.docker_available():
            containers.remove_volumes(self._folder.path)
        self._echo("Starting empty: removed the data of Kafka and Postgres")

    def run(self, welcome: Callable[[Mapping[str, str]], None]) -> None:
        """Start everything, call `welcome` with the endpoints, keep it running until a signal, and stop it.

        The DSN that `welcome` gets has no password: it is shown, and output is often stored or shared.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self._start()
            if not self._stopping:
                welcome(self._endpoints | {"postgres": postgres.without_password(self._endpoints["postgres"])})
            while not self._stopping:
                self._supervisor.restart_exited()
                time.sleep(0.1)
        finally:
            self._stop()

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _start(self) -> None:
        if stopped := self._folder.stop_orphans():
            self._echo(f"Stopped {stopped} processes that an earlier start left behind")
        http_port = self._http_port()
        broker, server = self._find_kafka(), self._find_postgres()
        self._endpoints = {"http": f"http://localhost:{http_port}", "kafka": broker.bootstrap}
        self._endpoints["postgres"] = server.dsn
        if contract := self._settings.contract:
            # Commands in other terminals read the same events.
            self._endpoints["contract"] = str(contract.folder.absolute())
        self._echo(f"Kafka: {broker.origin}, at {broker.bootstrap}")
        self._echo(f"Postgres: {server.origin}, at {postgres.without_password(server.dsn)}")
        self._launch([program for program in (broker.program, server.program) if program])
        if not self._stopping:
            kafka_settings = {**self._user_settings, "FOOTFALL_KAFKA_BOOTSTRAP": broker.bootstrap}
            event_topics = load(EventTopicsSettings, self._user_settings).event_topics
            asyncio.run(_create_topics(load(KafkaSettings, kafka_settings), event_topics, self._echo))
            self._launch(self._services(http_port))

    def _launch(self, programs: list[Program]) -> None:
        for program in programs:
            self._echo(f"{program.name}: starting")
            self._supervisor.start(program)
        self._supervisor.wait_until_ready(programs, START_SECONDS, lambda: self._stopping)

    def _http_port(self) -> int:
        port = self._settings.port
        if port and not ports.claim(port):
            raise PortInUse(f"Port {port} (FOOTFALL_PORT) is in use. Choose another, or stop what uses it.")
        return port or ports.choose(DEFAULT_HTTP_PORT)

    def _find_kafka(self) -> kafka.Kafka:
        return kafka.find(
            self._folder.path / "kafka",
            given=self._settings.kafka_bootstrap,
            port=ports.choose(kafka.DEFAULT_PORT),
            environ=self._mark,
            cache=cache_folder(),
            echo=self._echo,
        )

    def _find_postgres(self) -> postgres.Postgres:
        dsn = self._settings.postgres_dsn
        return postgres.find(
            self._folder.path / "postgres",
            given=dsn.reveal() if dsn else None,
            port=ports.choose(postgres.DEFAULT_PORT),
            password=keys.postgres_password(self._folder.path),
            environ=self._mark,
        )

    def _services(self, http_port: int) -> list[Program]:
        environ = {
            **keys.read_or_create(self._folder.path),
            "FOOTFALL_TRUST_LOOPBACK": "true",
            "FOOTFALL_UNKNOWN_EVENTS": "accept",
            "FOOTFALL_COLUMNS_URL": (self._folder.path / "columns").as_uri(),
            **self._user_settings,
            **self._mark,
            "FOOTFALL_KAFKA_BOOTSTRAP": self._endpoints["kafka"],
            "FOOTFALL_POSTGRES_DSN": self._endpoints["postgres"],
            "FOOTFALL_POSTGRES_SCHEMA": self._settings.postgres_schema,
        }
        return services.programs(http_port, ports.choose, environ)

    def _write_stack_file(self) -> None:
        running: dict[str, Any] = {}
        for process in self._supervisor.processes.values():
            for name in process.program.services:
                running[name] = {
                    "pid": process.pid,
                    "started_at": started_at(process.pid),
                    "log": str(process.log),
                }
                if process.program.probes:
                    running[name]["probes"] = process.program.probes
        event_topics = self._user_settings.get("FOOTFALL_EVENT_TOPICS", "")
        self._folder.write_stack(
            {
                **self._endpoints,
                "postgres_schema": self._settings.postgres_schema,
                "event_topics": event_topics,
                "services": running,
            }
        )

    def _stop(self) -> None:
        started = list(self._supervisor.processes)
        if started:
            self._echo("Stopping")
        # Kafka and Postgres last: the services need them to stop in order.
        last = [name for name in ("kafka", "postgres") if name in started]
        order = [name for name in reversed(started) if name not in last] + last
        self._supervisor.stop(order, time.monotonic() + STOP_SECONDS)
        containers.stop_all()
        self._folder.remove_stack()
        if started:
            self._echo(f"Stopped. The data is in {self._folder.path}")


async def _create_topics(settings: KafkaSettings, event_topics: Sequence[str], echo: Echo) -> None:
    reports = await create_missing(settings, event_topics=event_topics)
    if created := [report.topic for report in reports if report.state == "created"]:
        echo(f"Topics: created {', '.join(created)}")
    for report in reports:
        if report.changes:
            echo(f"Topic {report.topic}: changed {'; '.join(report.changes)}")
        for fault in report.faults:
            echo(f"Topic {report.topic}: {fault}")
        if report.differences:
            echo(f"Topic {report.topic} differs from its description: {'; '.join(report.differences)}")
