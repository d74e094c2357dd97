"""A running `footfall up`, as its user sees it: a process, a port, a broker and a database.

Nothing of footfall is imported here: these tests use what any client can use.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import jwt
import psutil
import psycopg
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.support.no_tls import NO_TLS

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record as it is in the topic; `timestamp` is its append time, in milliseconds since 1970."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


FOOTFALL = Path(sys.executable).with_name("footfall")
COLLECT = "/api/analytics/collect"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(ask: Callable[[], T], met: Callable[[T], bool], seconds: float) -> T:
    """Call `ask` until its result meets the condition or the time is over; the last result.

    More and more rarely: what is waited for needs the CPU too.
    """
    deadline, pause = time.monotonic() + seconds, 0.05
    while not met(answer := ask()) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.2, 0.3)
    return answer


class Stack:
    """`footfall up` in a process of its own, with its data in `folder`, run from `checkout` if there is one."""

    def __init__(self, folder: Path, checkout: Path | None = None, settings: dict[str, str] | None = None) -> None:
        self.folder, self.checkout = folder, checkout
        # Of `footfall up` alone: commands find out from the running stack.
        self._settings = settings or {}
        self.port = free_port()
        self.output = folder.with_suffix(".out")
        settings = {"FOOTFALL_DATA_DIR": str(folder), "FOOTFALL_PORT": str(self.port)}
        # As in production: `footfall up` accepts them by default.
        settings["FOOTFALL_UNKNOWN_EVENTS"] = "reject"
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
        self.environ |= settings
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start and wait until every service is ready."""
        with self.output.open("ab") as output:
            # Python looks for modules in the working directory first.
            program = [sys.executable, "-m", "footfall"] if self.checkout else [FOOTFALL]
            self.process = subprocess.Popen(
                [*program, "up", *options],
                cwd=self.checkout,
                env=self.environ | self._settings,
                stdout=output,
                stderr=output,
            )
        until(self.ready, bool, seconds=90)
        assert self.ready(), self.output.read_text()

    def ready(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self.output.read_text()
        if "curl" not in self.output.read_text():
            return False  # the welcome text, printed once all services are ready, has a curl command
        return self.get("/readyz").status_code == 200

    def stop(self, how: signal.Signals = signal.SIGINT) -> float:
        """Send the signal, wait for the process to exit, and return the seconds it took."""
        assert self.process
        started = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(timeout=30)
        return time.monotonic() - started

    @property
    def state(self) -> dict[str, Any]:
        """The content of `stack.json`."""
        state: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return state

    def kill(self, service: str) -> None:
        """Kill a service with SIGKILL, like a crash."""
        os.kill(self.state["services"][service]["pid"], signal.SIGKILL)

    def left_over(self) -> list[psutil.Process]:
        """Processes of this stack that are still running."""
        mine = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("FOOTFALL_DATA_DIR") == str(self.folder):
                    mine.append(process)
            except psutil.Error:
                continue
        return [process for process in mine if process.pid != os.getpid()]

    def footfall(
        self, *arguments: str, timeout: float = 60, environ: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command while the stack is up; `environ` is added to its environment."""
        return subprocess.run(
            [FOOTFALL, *arguments],
            env=self.environ | (environ or {}),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def get(self, path: str) -> httpx.Response:
        try:
            return httpx.get(self.url + path, timeout=5, verify=NO_TLS)
        except httpx.TransportError:
            return httpx.Response(503)

    def post(self, body: Any, **options: Any) -> httpx.Response:
        """Post to the collector; `body` is JSON unless it is bytes."""
        headers = {"Content-Type": "application/json"} | options.pop("headers", {})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(
            self.url + COLLECT, content=content, headers=headers, timeout=20, verify=NO_TLS, **options
        )

    def session(self, key: str | None = None, **claims: Any) -> dict[str, str]:
        """The header of a new user's session, as the application would have set it."""
        keys = json.loads((self.folder / "secrets.json").read_text())
        claims = {"sub": uuid.uuid4().hex, "exp": int(time.time()) + 3600} | claims
        return {"cookie": f"session={jwt.encode(claims, key or keys['FOOTFALL_SESSION_KEY'])}"}

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Query Postgres."""
        with psycopg.connect(self.state["postgres"], options="-c search_path=footfall") as connection:
            return connection.execute(sql.encode(), parameters).fetchall()

    def rows_by_type(self) -> dict[str, int]:
        return dict(self.query("select event_type, count(*) from events group by 1"))  # type: ignore[arg-type] # pairs

    def live(self, dimension: str) -> dict[str, int]:
        """The live counts of a dimension, summed over windows and partitions, read with a standard client."""
        return sum_of_newest(self.records("live-aggregates"), dimension)

    def records(self, topic: str) -> list[dict[str, Any]]:
        """Every record of a topic, decoded as a subscriber decodes it."""
        context = SerializationContext(topic, MessageField.VALUE)
        with SchemaRegistryClient({"url": self.url + "/registry"}) as registry:
            decode = AvroDeserializer(registry)
            return [decode(record.value, context) for record in self.log(topic) if record.value is not None]

    def log(self, topic: str) -> list[LogRecord]:
        """Every record of a topic, in the order of each partition."""
        consumer = Consumer(
            {"bootstrap.servers": self.state["kafka"], "group.id": "none", "enable.auto.commit": False}
        )
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10) for p in partitions}
        left = {p: high for p, (low, high) in ends.items() if high > low}
        consumer.assign([TopicPartition(topic, p, ends[p][0]) for p in left])
        records = []
        while left:
            message = consumer.poll(10)
            assert message is not None, f"{topic} stopped short of its end"
            assert message.error() is None, message.error()
            partition, offset = message.partition(), message.offset()
            records.append(LogRecord(partition, offset, message.timestamp()[1], message.key(), message.value()))
            if offset + 1 >= left.get(partition, 0):
                left.pop(partition, None)
        consumer.close()
        return records


def sum_of_newest(partials: list[dict[str, Any]], dimension: str) -> dict[str, int]:
    """The newest partial (highest source offset) of each partition and window, added up over windows of one length."""
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for partial in partials:
        key = (partial["partition"], partial["window_seconds"], partial["window_start"])
        if partial["dimension"] != dimension or partial["window_seconds"] not in (0, 60):
            continue
        if key not in newest or partial["source_offset"] >= newest[key]["source_offset"]:
            newest[key] = partial
    total: dict[str, int] = {}
    for partial in newest.values():
        for name, count in partial["counts"].items():
            total[name] = total.get(name, 0) + count
    return total
