"""What every service does first: logs, shared metrics, and a word about settings that nothing reads."""

import logging
from collections.abc import Mapping

from service_kit import logs, metrics
from service_kit.kafka import KafkaSettings
from service_kit.spelling import unknown

log = logging.getLogger(__name__)


def begin(
    service: str, environ: Mapping[str, str], *, level: str = "INFO", kafka: KafkaSettings | None = None
) -> None:
    """Set up logs and shared metrics; warn of misspelt settings, which would otherwise silently do nothing."""
    logs.configure(service, level)
    metrics.set_build_info()
    if kafka:
        metrics.set_certificate_expiry(kafka)
    misspelt = unknown(environ)
    metrics.UNKNOWN_SETTINGS.set(len(misspelt))
    for name, meant in misspelt.items():
        log.warning("%s is set and nothing reads it%s", name, f"; did you mean {meant}?" if meant else "")
