"""What every service tells beside its own metrics."""

import datetime
import logging
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import CollectorRegistry, Counter

from service_kit import metrics, startup
from service_kit.kafka import KafkaSettings
from service_kit.startup import unknown_settings

NOON = datetime.datetime(2026, 5, 4, 12, tzinfo=datetime.UTC)


def certificate(ends: datetime.datetime) -> bytes:
    """A self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "footfall")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(NOON - datetime.timedelta(days=400)).not_valid_after(ends)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_certificates_tell_when_the_first_of_a_file_ends(tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    file.write_bytes(certificate(NOON + datetime.timedelta(days=9)) + certificate(NOON))
    metrics.set_certificate_expiry(KafkaSettings(kafka_bootstrap="kafka:9093", kafka_ssl_certificate=file))
    told = metrics.SHARED.get_sample_value("footfall_certificate_expires_timestamp_seconds", {"file": "client"})
    assert told == NOON.timestamp()


def test_shared_metrics_come_once_with_those_of_all_registries() -> None:
    registries = [CollectorRegistry(), CollectorRegistry()]
    for number, registry in enumerate(registries):
        Counter(f"seen_{number}", "Things seen.", registry=registry)
    text = metrics.exposition(*registries).decode()
    assert text.count("# TYPE footfall_build_info gauge") == 1
    assert "seen_0_total 0.0" in text
    assert "seen_1_total 0.0" in text


@pytest.mark.parametrize(("name", "meant"), [
    ("FOOTFALL_KAFKA_BOOTSTRAPS", "FOOTFALL_KAFKA_BOOTSTRAP"),
    ("FOOTFALL_HASHKEY", "FOOTFALL_HASH_KEY"),
    ("FOOTFALL_HASH_KEY_FLIE", "FOOTFALL_HASH_KEY_FILE"),
    ("FOOTFALL_SOMETHING_ELSE_ALTOGETHER", None),
])  # fmt: skip
def test_a_misspelt_setting_gets_the_name_that_was_meant(name: str, meant: str | None) -> None:
    assert unknown_settings({name: "x"}) == {name: meant}


def test_known_settings_and_what_kubernetes_puts_there_are_not_misspelt() -> None:
    of_kubernetes = {
        "FOOTFALL_COLLECTOR_SERVICE_HOST": "10.0.0.1",
        "FOOTFALL_COLLECTOR_SERVICE_PORT_HTTP": "80",
        "FOOTFALL_COLLECTOR_PORT": "tcp://10.0.0.1:80",
        "FOOTFALL_COLLECTOR_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    known = {"FOOTFALL_HASH_KEY_FILE": "/key", "FOOTFALL_URL": "http://localhost", "FOOTFALL_PORT": "3000"}
    assert unknown_settings(of_kubernetes | known | {"HOME": "/"}) == {}


def test_a_service_warns_of_misspelt_settings_and_counts_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("service_kit.logs.configure", lambda service, level: None)
    with caplog.at_level(logging.WARNING):
        startup.begin("sinks", {"FOOTFALL_LOG_LEVLE": "secret"})
    assert "FOOTFALL_LOG_LEVLE is set and nothing reads it; did you mean FOOTFALL_LOG_LEVEL?" in caplog.text
    assert "secret" not in caplog.text
    assert metrics.SHARED.get_sample_value("footfall_unknown_settings") == 1
