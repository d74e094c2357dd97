"""A real Kafka broker and a real Postgres for the tests, found and started as `footfall up` does it.

Both run as long as the tests: one broker for all workers of a run, as each costs CPU time even when nobody uses it, and
a Postgres for each of them. A test gets a topic prefix and a database (`tests/support/database.py`) of its own.
"""

import asyncio
import contextlib
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiokafka import AIOKafkaConsumer

from footfall.kafka.topics import create_missing
from footfall.local import containers, ports
from footfall.local import kafka as local_kafka
from footfall.local import postgres as local_postgres
from footfall.local.process import Process
from footfall.local.program import Program
from footfall.local.settings import LocalSettings, cache_folder
from service_kit.kafka.settings import KafkaSettings
from service_kit.settings import load
from tests.support.topics import write

Found = TypeVar("Found")
START_SECONDS = 60
_ORIGINS: list[str] = []
_bootstrap = pytest.StashKey[str]()
_shared_kafka = pytest.StashKey[contextlib.ExitStack]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before workers start: write the archive that halves the CPU time of each broker's start, and start theirs."""
    if session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput"):
        # The tests that need a broker will say why there is none.
        with contextlib.suppress(Exception, pytest.skip.Exception):
            archive_kafka_classes()
            running = session.config.stash[_shared_kafka] = contextlib.ExitStack()
            # Beside the workers' folders, as pytest empties theirs.
            above = Path(session.config.option.basetemp).parent
            folder = running.enter_context(tempfile.TemporaryDirectory(prefix="kafka-", dir=above))
            session.config.stash[_bootstrap] = running.enter_context(_running_kafka(Path(folder)))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where the broker is."""
    node.workerinput["kafka"] = node.config.stash.get(_bootstrap, None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report which services the tests used."""
    for origin in dict.fromkeys(_ORIGINS):
        terminalreporter.write_line(origin)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the origins from a worker to the main process, which ends the broker."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["origins"] = _ORIGINS
    if running := session.config.stash.get(_shared_kafka, None):
        running.close()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Receive the origins of a worker."""
    _ORIGINS.extend(getattr(node, "workeroutput", {}).get("origins", []))


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap server of a real broker."""
    if shared := getattr(request.config, "workerinput", {}).get("kafka"):
        yield shared
        return
    with _running_kafka(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap


@contextlib.contextmanager
def _running_kafka(folder: Path) -> Iterator[str]:
    found = _or_skip(
        lambda: local_kafka.find(
            folder,
            given=load(LocalSettings, os.environ).kafka_bootstrap,
            port=ports.choose(),
            environ={},
            cache=cache_folder(),
            echo=print,  # the first run downloads the broker
        )
    )
    _ORIGINS.append(f"Kafka: {found.origin}")
    process = _run(found.program, folder)
    yield found.bootstrap
    # Its data is deleted, and closing thousands of partitions takes it long.
    _end(process, seconds=1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a real server, on which databases can be created."""
    folder = tmp_path_factory.mktemp("postgres")
    dsn = load(LocalSettings, os.environ).postgres_dsn
    given = dsn.reveal() if dsn else None
    found = _or_skip(
        lambda: local_postgres.find(folder, given=given, port=ports.choose(), password="tests", environ={})
    )
    _ORIGINS.append(f"Postgres: {found.origin}")
    program = found.program
    if program:
        # Its data is deleted, so nothing needs to be on disk; a test that kills a server has one of its own.
        program = replace(program, argv=(*program.argv, "--fsync=off", "--full_page_writes=off"))
    process = _run(program, folder)
    yield found.dsn
    _end(process)


@pytest.fixture
def topic_prefix() -> str:
    """A prefix, so that the test has its own topics and groups."""
    return f"t{uuid.uuid4().hex[:8]}-"


@pytest.fixture
async def settings(kafka: str, topic_prefix: str) -> KafkaSettings:
    """A real broker with all topics under the test's prefix."""
    made = KafkaSettings(kafka_bootstrap=kafka, topic_prefix=topic_prefix)
    await create_missing(made)
    return made


def archive_kafka_classes() -> None:
    """Run a broker that writes the archive when it stops, if there is none. It has the classes that were used."""
    if containers.docker_available() or load(LocalSettings, os.environ).kafka_bootstrap:
        return
    with tempfile.TemporaryDirectory(prefix="footfall-archive-") as name:
        folder, port = Path(name), ports.choose()
        broker = local_kafka.broker(folder, port=port, environ={}, cache=cache_folder(), echo=print)
        if any("ArchiveClassesAtExit" in option for option in broker.argv):
            process = _run(broker, folder)
            asyncio.run(_use(KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")))
            _end(process, seconds=60)


async def _use(settings: KafkaSettings) -> None:
    await create_missing(settings)
    topic = settings.name("events")
    await write(settings.kafka_bootstrap, topic, [(b"key", b"value")] * 100)
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=settings.kafka_bootstrap, group_id="archive", auto_offset_reset="earliest"
    )
    async with consumer:
        await consumer.getone()
        await consumer.commit()


def _or_skip(find: Callable[[], Found]) -> Found:
    """The result; if there is none, skip the test, or fail it in CI."""
    try:
        return find()
    except Exception as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"not available here: {error}")


def _run(program: Program | None, folder: Path) -> Process | None:
    if program is None:
        return None
    process = Process(program, folder / f"{program.name}.log")
    deadline = time.monotonic() + START_SECONDS
    while not program.is_ready():
        assert process.exit_reason() is None, process.log_tail()
        assert time.monotonic() < deadline, process.log_tail()
        time.sleep(0.05)
    return process


def _end(process: Process | None, seconds: float = 10) -> None:
    if process:
        process.stop(seconds)
