"""The metrics that every service has."""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import CollectorRegistry, Counter

from service_kit import metrics
from service_kit.kafka.settings import KafkaSettings

NOON = datetime.datetime(2026, 5, 4, 12, tzinfo=datetime.UTC)


def certificate(expires: datetime.datetime) -> bytes:
    """A self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "footfall")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(NOON - datetime.timedelta(days=400)).not_valid_after(expires)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_the_expiry_of_a_file_is_that_of_the_first_certificate_to_expire(tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    file.write_bytes(certificate(NOON + datetime.timedelta(days=9)) + certificate(NOON))
    metrics.set_certificate_expiry(KafkaSettings(kafka_bootstrap="kafka:9093", kafka_ssl_certificate=file))
    exposed = metrics.SHARED.get_sample_value("footfall_certificate_expires_timestamp_seconds", {"file": "client"})
    assert exposed == NOON.timestamp()


def test_shared_metrics_are_exposed_once_with_those_of_all_registries() -> None:
    registries = [CollectorRegistry(), CollectorRegistry()]
    for number, registry in enumerate(registries):
        Counter(f"seen_{number}", "Things seen.", registry=registry)
    text = metrics.exposition(*registries).decode()
    assert text.count("# TYPE footfall_build_info gauge") == 1
    assert "seen_0_total 0.0" in text
    assert "seen_1_total 0.0" in text
