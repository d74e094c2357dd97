"""Kafka and Postgres as containers, where a Docker engine answers.

testcontainers' reaper stops them when this process ends, however it ends. Their data stays in named volumes.
"""

import contextlib
import hashlib
import os
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from footfall.local import ports
from footfall.local.jars import KAFKA_VERSION

KAFKA_IMAGE = f"apache/kafka:{KAFKA_VERSION}"
POSTGRES_IMAGE = "postgres:17"
START_SECONDS = 60.0
_DEFAULT_ENGINE = "unix:///var/run/docker.sock"

# References, so that they are not garbage collected (and stopped) while this process runs.
_running: list[Any] = []


def docker_available() -> bool:
    """Whether a Docker engine answers."""
    # The import below is slow, so try the socket first.
    if not _accepts_connections(os.environ.get("DOCKER_HOST", _DEFAULT_ENGINE)):
        return False
    import docker

    client = docker.from_env(timeout=3)
    try:
        return bool(client.ping())
    finally:
        client.close()


def _accepts_connections(engine_url: str) -> bool:
    url = urlsplit(engine_url)
    try:
        if url.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(url.path)
        else:
            socket.create_connection((url.hostname, url.port or 2375), timeout=1).close()
    except OSError:
        return False
    return True


def start_kafka(folder: Path, port: int) -> str:
    """Start a broker on `port` of this machine, and return its bootstrap server."""
    from testcontainers.core.waiting_utils import wait_for_logs

    container = kafka_container(folder, port)
    container.start()
    _running.append(container)
    # Docker's proxy accepts connections long before the broker does.
    wait_for_logs(container, "Kafka Server started", timeout=START_SECONDS)
    return f"127.0.0.1:{port}"


def start_postgres(folder: Path, port: int, password: str) -> str:
    """Start a server on `port` of this machine, and return its DSN."""
    container = postgres_container(folder, port, password)
    container.start()
    _running.append(container)
    dsn = f"postgresql://postgres:{password}@127.0.0.1:{port}/footfall"
    _wait_for_postgres(dsn, volume(folder, "postgres"))
    return dsn


def _wait_for_postgres(dsn: str, volume_name: str) -> None:
    """Wait for a connection. The log does not say when it is ready: the server restarts once during its setup."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise RuntimeError(
                    f"The Postgres in the Docker volume {volume_name} has another password than secrets.json."
                    f" To begin without its data: docker volume rm {volume_name}"
                ) from error
            if time.monotonic() > deadline:
                raise TimeoutError(f"the Postgres container does not answer: {error}") from error
            time.sleep(0.2)
        else:
            return


def stop_all() -> None:
    """Stop the containers and keep their volumes."""
    while _running:
        _running.pop().stop(delete_volume=False)


def remove_volumes(folder: Path) -> None:
    """Remove the data of the containers of a data folder, if there is any."""
    import docker

    client = docker.from_env(timeout=30)
    try:
        for service in ("kafka", "postgres"):
            with contextlib.suppress(docker.errors.NotFound):
                client.volumes.get(volume(folder / service, service)).remove()
    except docker.errors.APIError as error:
        raise RuntimeError(f"The data of an earlier start cannot be removed: {error.explanation}") from error
    finally:
        client.close()


def kafka_container(folder: Path, port: int) -> Any:
    """A KRaft broker that advertises `port` on this machine."""
    from testcontainers.core.container import DockerContainer

    container = _on_loopback(DockerContainer(KAFKA_IMAGE), port, port)
    for name, value in _kafka_environment(port).items():
        container.with_env(name, value)
    return container.with_volume_mapping(volume(folder, "kafka"), "/var/lib/kafka/data", "rw")


def postgres_container(folder: Path, port: int, password: str) -> Any:
    """A server with a database `footfall`."""
    from testcontainers.core.container import DockerContainer

    container = _on_loopback(DockerContainer(POSTGRES_IMAGE), 5432, port)
    container.with_env("POSTGRES_PASSWORD", password).with_env("POSTGRES_DB", "footfall")
    return container.with_volume_mapping(volume(folder, "postgres"), "/var/lib/postgresql/data", "rw")


def _on_loopback(container: Any, port: int, host_port: int) -> Any:
    """Publish a port of the container on this machine's loopback only.

    Docker publishes on all interfaces by default, past a firewall on this machine; `with_bind_ports` does so too.
    """
    container.ports[str(port)] = (ports.LOOPBACK, host_port)
    return container


def volume(folder: Path, service: str) -> str:
    """The name of the volume that belongs to a data folder."""
    return f"footfall-{service}-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"


def _kafka_environment(port: int) -> dict[str, str]:
    return {
        "CLUSTER_ID": "footfall-local-stack0A",
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:19093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:19093",
        "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
