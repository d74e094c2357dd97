"""What `footfall doctor` finds in environments."""

import datetime
from pathlib import Path

import pytest

from footfall.doctor.environment import check_certificates, check_environment, check_origins, check_secrets
from footfall.doctor.finding import Finding
from tests.service_kit.test_metrics import NOON, certificate


def states(findings: object) -> list[str]:
    return [finding.state for finding in findings]  # type: ignore[attr-defined] # an iterator of findings


@pytest.mark.parametrize(("key", "expected"), [
    ("9f" * 16, ["fail"]),
    ("short-secret", ["fail"]),
    ("7b6e0d5c4a3f2918e7d6c5b4a3928170f", []),
    ("", []),
])  # fmt: skip
def test_keys_that_can_be_guessed_are_reported_and_never_shown(
    key: str, expected: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(key + "\n")
    for environ in ({"FOOTFALL_HASH_KEY": key}, {"FOOTFALL_HASH_KEY_FILE": str(file)}):
        findings = list(check_secrets(environ))
        assert states(findings) == expected
        assert not key or key not in str(findings)


@pytest.mark.parametrize(("origin", "expected"), [
    ("https://www.example.org", []),
    ("https://www.example.org, http://localhost:8080", []),
    ("http://www.example.org", ["warn"]),
    ("https://www.example.org/shop", ["fail"]),
    ("www.example.org", ["fail"]),
    ("*", ["fail"]),
])  # fmt: skip
def test_allowed_origins_must_be_origins_that_browsers_send(origin: str, expected: list[str]) -> None:
    assert states(check_origins(origin)) == expected


@pytest.mark.parametrize(("days", "state"), [(30, "ok"), (3, "warn"), (-1, "fail")])
def test_certificates_that_expire_soon_are_reported(days: int, state: str, tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    file.write_bytes(certificate(NOON + datetime.timedelta(days=days)))
    environ = {"FOOTFALL_KAFKA_BOOTSTRAP": "kafka:9093", "FOOTFALL_KAFKA_SSL_CERTIFICATE": str(file)}
    (finding,) = check_certificates(environ, NOON.timestamp())
    assert finding.state == state
    file.write_text("nothing")
    assert states(check_certificates(environ, NOON.timestamp())) == ["fail"]


def test_an_environment_without_faults_is_reported_as_ok() -> None:
    assert check_environment({"FOOTFALL_LOG_LEVEL": "INFO"}) == [
        Finding("settings", "ok", "no setting is unknown, weak or for development only")
    ]
    assert states(check_environment({"FOOTFALL_TRUST_LOOPBACK": "true"})) == ["warn"]
    assert "FOOTFALL_LOG_LEVEL" in check_environment({"FOOTFALL_LOGLEVEL": "INFO"})[0].fix
