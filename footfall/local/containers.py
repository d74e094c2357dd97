"""Kafka and Postgres as containers, where a Docker engine answers.

testcontainers' reaper ends them when this process ends, however it ends; their data stay in named volumes.
"""

import hashlib
import os
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from footfall.local.jars import KAFKA_VERSION

KAFKA_IMAGE = f"apache/kafka:{KAFKA_VERSION}"
POSTGRES_IMAGE = "postgres:17"
START_SECONDS = 60.0
_DEFAULT_ENGINE = "unix:///var/run/docker.sock"

# Held so that they live as long as this process.
_running: list[Any] = []


def engine_answers() -> bool:
    """Whether a Docker engine can be reached."""
    if not _accepts(os.environ.get("DOCKER_HOST", _DEFAULT_ENGINE)):
        return False
    import docker

    client = docker.from_env(timeout=3)
    try:
        return bool(client.ping())
    finally:
        client.close()


def _accepts(engine: str) -> bool:
    """Whether anything accepts connections at the engine's address: the cheap question first."""
    address = urlsplit(engine)
    try:
        if address.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(address.path)
        else:
            socket.create_connection((address.hostname, address.port or 2375), timeout=1).close()
    except OSError:
        return False
    return True


def start_kafka(folder: Path, port: int) -> str:
    """Start a broker that is reached on `port`; its address."""
    from testcontainers.core.waiting_utils import wait_for_logs

    container = kafka_container(folder, port)
    container.start()
    _running.append(container)
    # The engine's proxy accepts connections long before the broker does.
    wait_for_logs(container, "Kafka Server started", timeout=START_SECONDS)
    return f"127.0.0.1:{port}"


def start_postgres(folder: Path, port: int) -> str:
    """Start a server that is reached on `port`; its DSN."""
    container = postgres_container(folder, port)
    container.start()
    _running.append(container)
    dsn = f"postgresql://postgres:footfall@127.0.0.1:{port}/footfall"
    _wait_for_postgres(dsn)
    return dsn


def _wait_for_postgres(dsn: str) -> None:
    """The server restarts once while it sets itself up: only an answered connection tells that it is there."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Postgres in its container does not answer: {error}") from error
            time.sleep(0.2)
        else:
            return


def stop_all() -> None:
    """Stop what was started; the volumes stay."""
    while _running:
        _running.pop().stop(delete_volume=False)


def kafka_container(folder: Path, port: int) -> Any:
    """A KRaft broker whose advertised address is the port on this machine."""
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(port, port)
    for name, value in _kafka_environment(port).items():
        container.with_env(name, value)
    return container.with_volume_mapping(volume(folder, "kafka"), "/var/lib/kafka/data", "rw")


def postgres_container(folder: Path, port: int) -> Any:
    """A server with an empty database `footfall`."""
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(POSTGRES_IMAGE).with_bind_ports(5432, port)
    container.with_env("POSTGRES_PASSWORD", "footfall").with_env("POSTGRES_DB", "footfall")
    return container.with_volume_mapping(volume(folder, "postgres"), "/var/lib/postgresql/data", "rw")


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
