"""Metrics that every service has in addition to its own: version, process, expiry of certificates."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, ProcessCollector, generate_latest

from service_kit.kafka.settings import KafkaSettings

CONTENT_TYPE = CONTENT_TYPE_LATEST
SHARED = CollectorRegistry()

ProcessCollector(registry=SHARED)
BUILD = Gauge("footfall_build_info", "1; the label is the version that runs.", ["version"], registry=SHARED)
CERTIFICATE_EXPIRES = Gauge(
    "footfall_certificate_expires_timestamp_seconds",
    "When a certificate of this process expires: the Kafka client's, or the first of the authorities'.",
    ["file"],
    registry=SHARED,
)
UNKNOWN_SETTINGS = Gauge(
    "footfall_unknown_settings", "FOOTFALL_ variables in the environment that nothing reads.", registry=SHARED
)
TOPIC_FAULTS = Gauge(
    "footfall_topic_faults",
    "Faults of a topic that this service uses, and must not work with as the topic is.",
    ["topic"],
    registry=SHARED,
)


def exposition(*registries: CollectorRegistry) -> bytes:
    """The metrics of these registries and the shared ones, in the text format of Prometheus."""
    return b"".join(generate_latest(registry) for registry in (SHARED, *registries))


def set_build_info() -> None:
    """Set `footfall_build_info`."""
    try:
        BUILD.labels(version("footfall")).set(1)
    except PackageNotFoundError:  # run from a folder, not installed
        BUILD.labels("unknown").set(1)


def set_certificate_expiry(kafka: KafkaSettings) -> None:
    """Set when the certificates of this process expire: it uses them until a restart, even if the files change."""
    for name, file in (("client", kafka.kafka_ssl_certificate), ("authority", kafka.kafka_ssl_ca)):
        if file is not None:
            CERTIFICATE_EXPIRES.labels(name).set(expires(file))


def expires(file: Path) -> float:
    """When the first certificate of a PEM file expires, in seconds since 1970."""
    from cryptography import x509  # only where TLS is used

    return min(
        certificate.not_valid_after_utc.timestamp()
        for certificate in x509.load_pem_x509_certificates(file.read_bytes())
    )
