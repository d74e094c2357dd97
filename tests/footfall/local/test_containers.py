"""Kafka and Postgres as containers, without an engine to run them."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from footfall.local import containers, ports


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What is asked of a pretended engine: descriptions of containers to create, and paths to delete."""
    bodies: list[Any] = []

    class Engine(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            self._answer(200, {"ApiVersion": "1.44", "Id": "1", "Config": {}, "State": {}, "Name": name})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.path.split("?")[0].endswith("/containers/create"):
                bodies.append(json.loads(body))
            self._answer(201, {"Id": "1"})

        def do_DELETE(self) -> None:
            bodies.append(self.path)
            self._answer(200, {})

        def _answer(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Engine) as engine:
        Thread(target=engine.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{engine.server_address[1]}")
        monkeypatch.setattr("testcontainers.core.container.c.ryuk_disabled", True)
        yield bodies
        engine.shutdown()


def test_ports_are_published_on_loopback_only(asked: list[Any], tmp_path: Path) -> None:
    for container, inside, outside in (
        (containers.kafka_container(tmp_path, 9095), 9095, 9095),
        (containers.postgres_container(tmp_path, 9096, "secret"), 5432, 9096),
    ):
        container.start()
        container.get_docker_client().client.close()
        published = asked.pop()["HostConfig"]["PortBindings"]
        assert published == {f"{inside}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(outside)}]}


def test_starting_empty_removes_the_volumes_that_the_containers_used(asked: list[Any], tmp_path: Path) -> None:
    mounted = [
        name
        for container in (
            containers.kafka_container(tmp_path / "kafka", 9095),
            containers.postgres_container(tmp_path / "postgres", 9096, "secret"),
        )
        for name in container.volumes
    ]
    containers.remove_volumes(tmp_path)
    assert [path.rpartition("/")[2].partition("?")[0] for path in asked] == mounted


def test_kafka_advertises_a_port_of_this_machine_and_volumes_belong_to_a_data_folder(tmp_path: Path) -> None:
    environ = containers._kafka_environment(9095)
    assert environ["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:9095"
    assert containers.volume(tmp_path, "kafka") == containers.volume(tmp_path, "kafka")
    assert containers.volume(tmp_path, "kafka") != containers.volume(tmp_path / "other", "kafka")


def test_without_a_docker_engine_no_containers_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert containers.docker_available() is False
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{ports.choose()}")
    assert containers.docker_available() is False
