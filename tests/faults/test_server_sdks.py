"""The server SDKs and a real collector: the docs' examples; Kafka goes away, backends are killed, fork, have threads.

One broker and one collector for all of it: each backend has its own users.
"""

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avro_schemas.wire.codec import decode
from footfall.kafka.topics import create_missing
from producer_api.privacy.hashes import Hasher
from service_kit.kafka.settings import KafkaSettings
from tests.npm import NODE
from tests.support.kafka_brokers import KafkaBroker
from tests.support.topics import read_all
from tests.support.workers import Worker

pytestmark = [pytest.mark.integration, pytest.mark.faults]

ROOT = Path(__file__).parents[2]
KEY = "a-key-of-a-backend-with-32-characters"
HASHER = Hasher("a hash key for tests")
# The program itself: the one of the wheel starts it in a process of its own, which a kill would not reach.
NODE_ITSELF = subprocess.run(
    [NODE, "-p", "process.execPath"], capture_output=True, text=True, check=True
).stdout.strip()
PYTHON, JAVASCRIPT = [sys.executable, "-u", "tests/sdk/backend.py"], [NODE_ITSELF, "tests/sdk/backend.mjs"]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    started = KafkaBroker(tmp_path_factory.mktemp("broker"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def collector(broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = Worker(
        "producer_api",
        tmp_path_factory.mktemp("collector") / "collector.log",
        port="PORT",
        kafka_bootstrap=broker.bootstrap,
        hash_key="a hash key for tests",
        session_key="a session key of thirty-two characters",
        backend_keys=f"shop={KEY}",
        host="127.0.0.1",
        events_per_minute=10**6,
        events_per_minute_per_backend=10**6,
    )
    asyncio.run(create_missing(KafkaSettings(kafka_bootstrap=broker.bootstrap)))
    worker.start()
    yield worker
    worker.end()


class Backend:
    """A program that tracks with an SDK, and what it has printed: its events by id, with their users."""

    def __init__(self, program: list[str], collector: Worker, spool: Path | None, name: str, *mode: str) -> None:
        self.name, self.users, self.counters = name, dict[str, str](), list[dict[str, Any]]()
        url = f"http://127.0.0.1:{collector.port}"
        self.process = subprocess.Popen(
            [*program, url, KEY, str(spool or ""), name, *mode],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT / "sdk/python"), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("{"):
                self.counters.append(json.loads(line))
            elif line.endswith("\n"):
                event_id, _, user = line.strip().partition(" ")
                self.users[event_id] = user
        self.process.stdout.close()

    def wait_for(self, more: int) -> None:
        wanted, deadline = len(self.users) + more, time.monotonic() + 60
        while len(self.users) < wanted:
            assert time.monotonic() < deadline, f"{self.name}: {len(self.users)} of {wanted}"
            time.sleep(0.02)

    def end(self) -> dict[str, int]:
        """Let it end by itself; the sums of the counters of its processes."""
        assert self.process.stdin
        self.process.stdin.write("end\n")
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self._reader.join(10)
        names = self.counters[0]
        return {name: sum(each.get(name, 0) for each in self.counters) for name in names}

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin
        self.process.stdin.close()
        self._reader.join(10)


def stored(broker: KafkaBroker, name: str) -> dict[str, tuple[str, str, str]]:
    """User, session and release of each event whose feature begins with a name. An id that is there twice is one."""
    found: dict[str, tuple[str, str, str]] = {}
    for record in asyncio.run(read_all(broker.bootstrap, "events")):
        event = decode(record.value)[1]
        if f'"{name}' in event["event_data"]["properties"]:
            found[event["event_id"]] = (event["user_key"], event["session_key"], event["release"])
    return found


def expected(users: dict[str, str]) -> dict[str, tuple[str | None, str | None, str]]:
    return {
        event_id: (
            HASHER.user_key(user).hex(),
            None if user.endswith("parent") else HASHER.session_key(f"of-{user}").hex(),
            "1",
        )
        for event_id, user in users.items()
    }


SDKS = pytest.mark.parametrize("program", [PYTHON, JAVASCRIPT], ids=["python", "node"])


def test_an_outage_of_kafka_and_of_the_collector_loses_and_doubles_nothing(
    broker: KafkaBroker, collector: Worker
) -> None:
    backends = [
        Backend(PYTHON, collector, None, "outage-python"),
        Backend(JAVASCRIPT, collector, None, "outage-node"),
    ]
    try:
        for backend in backends:
            backend.wait_for(100)
        broker.freeze()
        for backend in backends:
            backend.wait_for(400)
        broker.thaw()
        broker.kill()
        for backend in backends:
            backend.wait_for(300)
        broker.start()
        for backend in backends:
            backend.wait_for(300)
        collector.kill()
        for backend in backends:
            backend.wait_for(200)
        collector.start()
        for backend in backends:
            backend.wait_for(200)
            counters = backend.end()
            assert counters["tracked"] == len(backend.users) == counters["accepted"] + counters["duplicates"]
            assert (counters["dropped"], counters["rejected"], counters["waiting"]) == (0, 0, 0)
            assert counters["retries"] > 0
            assert stored(broker, backend.name) == expected(backend.users)
    finally:
        broker.thaw_if_running()
        for backend in backends:
            backend.kill()


@SDKS
def test_a_kill_loses_nothing_that_is_in_the_spool(
    broker: KafkaBroker, collector: Worker, tmp_path: Path, program: list[str]
) -> None:
    name = "killed-node" if program is JAVASCRIPT else "killed-python"
    users = dict[str, str]()
    for number, is_up in enumerate([True, False]):
        backend = Backend(program, collector, tmp_path, f"{name}-{number}")
        if not is_up:
            collector.kill()
        backend.wait_for(150)
        backend.kill()
        users |= backend.users
    assert list(tmp_path.glob("*.events"))
    collector.start()
    last = Backend(program, collector, tmp_path, f"{name}-2")
    last.wait_for(50)
    counters = last.end()
    assert counters["adopted"] >= 150
    assert counters["accepted"] + counters["duplicates"] == counters["tracked"] + counters["adopted"]
    found = stored(broker, name)
    # The line of an id that a kill has cut may be missing, although its event is there.
    assert found.items() >= expected(users | last.users).items()
    assert len(found) <= len(users | last.users) + 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spool", [False, True], ids=["memory", "spool"])
def test_forked_processes_and_their_threads_send_each_event_once(
    broker: KafkaBroker, collector: Worker, tmp_path: Path, spool: bool
) -> None:
    name = f"forked-{'spool' if spool else 'memory'}"
    backend = Backend(PYTHON, collector, tmp_path if spool else None, name, "fork")
    backend.wait_for(600)
    counters = backend.end()
    assert len(backend.counters) == 4
    assert counters["tracked"] == len(backend.users) == counters["accepted"]
    assert (counters["duplicates"], counters["dropped"], counters["adopted"]) == (0, 0, 0)
    assert stored(broker, name) == expected(backend.users)
    assert list(tmp_path.iterdir()) == []


PAGES = ["README.md", "docs/server-sdks.md", "sdk/python/README.md", "sdk/node/README.md"]
# What the reader of an example would do with it.
USES = {
    "FastAPI": """
from starlette.testclient import TestClient
for headers in ({"x-user": "u-17"}, {"x-user": "u-17", "sec-gpc": "1"}):
    assert TestClient(app).get("/exports", headers=headers).status_code == 200
""",
    "createServer": """
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
for (const headers of [{ "x-user": "u-17" }, { "x-user": "u-17", "sec-gpc": "1" }]) {
  await (await fetch("http://127.0.0.1:" + server.address().port, { headers })).text();
}
server.closeAllConnections();
server.close();
""",
}


def examples(language: str) -> list[str]:
    return [
        example
        for page in PAGES
        for example in re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.S | re.M)
        if "footfall_client" in example or "footfall-node" in example
    ]


def test_the_examples_of_the_docs_send_their_events(
    broker: KafkaBroker, collector: Worker, tmp_path: Path
) -> None:
    before = stored(broker, "export_data")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "footfall-node").symlink_to(ROOT / "sdk/node")
    count = 0
    for language, program in (("python", [sys.executable]), ("js", [NODE_ITSELF])):
        for example in examples(language):
            use = "".join(more for word, more in USES.items() if word in example)
            count += 2 if use else 1
            code = example.replace("https://stats.example.com", f"http://127.0.0.1:{collector.port}")
            file = tmp_path / f"example.{'py' if language == 'python' else 'mjs'}"
            file.write_text(code.replace("one of FOOTFALL_BACKEND_KEYS", KEY) + use)
            ran = subprocess.run(
                [*program, file],
                env={"PYTHONPATH": str(ROOT / "sdk/python"), "FOOTFALL_KEY": KEY},
                capture_output=True,
                text=True,
                check=False,
            )
            assert (ran.returncode, ran.stderr) == (0, ""), example
    events = [event for event_id, event in stored(broker, "export_data").items() if event_id not in before]
    assert len(events) == count == 10
    # Two are of people who opted out.
    ann = HASHER.user_key("u-17").hex()
    assert sorted(user == ann for user, _session, _release in events) == [False] * 2 + [True] * 8
