"""Kafka and Postgres as containers, without an engine to run them."""

from pathlib import Path

import pytest

from footfall.local import containers, ports


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
