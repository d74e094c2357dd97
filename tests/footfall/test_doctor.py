"""What the doctor says of clusters and environments that are not well."""

import datetime
from pathlib import Path

import pytest

from avro_schemas.topic import all_topics
from footfall.doctor.environment import look_at_settings, of_certificates, of_origins, of_secrets
from footfall.doctor.kafka import of_lag, of_replicas, of_skews, of_state, of_version
from footfall.doctor.services import Finding
from footfall.kafka.lag import Lag
from footfall.kafka.topics import Found
from tests.service_kit.test_metrics import NOON, certificate

WELL = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}


def states(findings: object) -> list[str]:
    return [finding.state for finding in findings]  # type: ignore[attr-defined] # an iterator of findings


@pytest.mark.parametrize(("fetch", "state"), [((0, 17), "warn"), ((4, 17), "ok"), ((4, 18), "ok")])
def test_the_brokers_version_is_told_by_what_they_no_longer_speak(fetch: tuple[int, int], state: str) -> None:
    assert states(of_version({1: fetch})) == [state]


@pytest.mark.parametrize(("replication", "config", "found"), [
    (3, WELL, []),
    (1, WELL, ["fail", "warn"]),
    (3, WELL | {"min.insync.replicas": "1"}, ["fail"]),
    (3, WELL | {"min.insync.replicas": "3"}, ["warn"]),
    (3, WELL | {"unclean.leader.election.enable": "true"}, ["fail"]),
])  # fmt: skip
def test_topics_on_three_brokers_survive_one(replication: int, config: dict[str, str], found: list[str]) -> None:
    assert states(of_replicas(3, {"events": Found(12, replication, config)})) == found


def test_one_broker_is_for_one_persons_machine_and_two_are_for_nobody() -> None:
    assert states(of_replicas(1, {})) == ["ok"]
    assert states(of_replicas(2, {})) == ["warn"]


def test_topics_beside_events_have_as_many_partitions() -> None:
    found = {name: Found(12, 3, WELL) for name in all_topics()}
    assert states(of_state(found)) == []
    (finding,) = of_state(found | {"footfall-stream-app-state-changelog": Found(6, 3, WELL)})
    assert finding.state == "fail"
    assert "adding partitions" in finding.fix


def test_a_reader_that_never_read_or_is_far_behind_is_told() -> None:
    assert states(of_lag([Lag("sinks", 0, None, 9)])) == ["fail"]
    assert states(of_lag([Lag("sinks", 0, 10, 1_000_010), Lag("stream app", 0, 5, 5)])) == ["warn", "ok"]
    assert states(of_lag([Lag("sinks", 0, None, 0)])) == ["ok"]
    (added,) = of_lag([Lag("sinks", 0, 7, 7), Lag("sinks", 1, None, 3)])
    assert added.found == "sinks: nobody reads 1 of 2 partitions"


def test_clocks_of_brokers_and_collectors_are_compared() -> None:
    assert states(of_skews([12, 40, 90_000])) == ["ok"]
    assert states(of_skews([-60_000, -61_000])) == ["warn"]
    assert states(of_skews([])) == []


@pytest.mark.parametrize(("key", "found"), [
    ("9f" * 16, ["fail"]),
    ("short-secret", ["fail"]),
    ("7b6e0d5c4a3f2918e7d6c5b4a3928170f", []),
    ("", []),
])  # fmt: skip
def test_keys_that_can_be_guessed_are_told_and_never_shown(key: str, found: list[str], tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(key + "\n")
    for environ in ({"FOOTFALL_HASH_KEY": key}, {"FOOTFALL_HASH_KEY_FILE": str(file)}):
        told = list(of_secrets(environ))
        assert states(told) == found
        assert not key or key not in str(told)


@pytest.mark.parametrize(("origin", "found"), [
    ("https://www.example.org", []),
    ("https://www.example.org, http://localhost:8080", []),
    ("http://www.example.org", ["warn"]),
    ("https://www.example.org/shop", ["fail"]),
    ("www.example.org", ["fail"]),
    ("*", ["fail"]),
])  # fmt: skip
def test_origins_are_what_browsers_send(origin: str, found: list[str]) -> None:
    assert states(of_origins(origin)) == found


@pytest.mark.parametrize(("days", "state"), [(30, "ok"), (3, "warn"), (-1, "fail")])
def test_certificates_are_renewed_in_time(days: int, state: str, tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    file.write_bytes(certificate(NOON + datetime.timedelta(days=days)))
    environ = {"FOOTFALL_KAFKA_BOOTSTRAP": "kafka:9093", "FOOTFALL_KAFKA_SSL_CERTIFICATE": str(file)}
    (finding,) = of_certificates(environ, NOON.timestamp())
    assert finding.state == state
    file.write_text("nothing")
    assert states(of_certificates(environ, NOON.timestamp())) == ["fail"]


def test_an_environment_with_nothing_wrong_is_told_so() -> None:
    assert look_at_settings({"FOOTFALL_LOG_LEVEL": "INFO"}) == [
        Finding("settings", "ok", "nothing is misspelt, weak or about to end")
    ]
    assert states(look_at_settings({"FOOTFALL_TRUST_LOOPBACK": "true"})) == ["warn"]
    assert "FOOTFALL_LOG_LEVEL" in look_at_settings({"FOOTFALL_LOGLEVEL": "INFO"})[0].fix
