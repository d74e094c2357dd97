"""What every service does first: set up logs and shared metrics, and warn of settings that nothing reads."""

import difflib
import logging
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from service_kit import logs, metrics
from service_kit.kafka.settings import KafkaSettings
from service_kit.settings import PREFIX

log = logging.getLogger(__name__)

# Written by `make generate`: a name per line.
KNOWN_SETTINGS_FILE = Path(__file__).with_name("known_settings.txt")
# What the keys in compose.yaml begin with.
_PUBLISHED_KEY = "for-this-machine-only"
# Kubernetes describes Services to pods in such variables; a release called footfall gets many of them.
_KUBERNETES_VARIABLE = re.compile(r"_SERVICE_(HOST|PORT)(_\w+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?$")


def begin(
    service: str,
    environ: Mapping[str, str],
    *,
    level: str = "INFO",
    kafka: KafkaSettings | None = None,
    warnings: Iterable[str] = (),
) -> None:
    """Set up logs and shared metrics; warn of unknown settings, which would otherwise silently do nothing.

    `warnings`: sentences about weak settings.
    """
    logs.configure(service, level)
    metrics.set_build_info()
    if kafka:
        metrics.set_certificate_expiry(kafka)
    unknown = unknown_settings(environ)
    metrics.UNKNOWN_SETTINGS.set(len(unknown))
    for name, suggestion in unknown.items():
        log.warning(
            "%s is set and nothing reads it%s", name, f"; did you mean {suggestion}?" if suggestion else ""
        )
    for name in published_keys(environ):
        log.warning("%s is the key that compose.yaml publishes: anyone can use it; set your own", name)
    for warning in warnings:
        log.warning("%s", warning)


def published_keys(environ: Mapping[str, str]) -> list[str]:
    """The variables whose value is a key that compose.yaml publishes."""
    return sorted(n for n, value in environ.items() if n.startswith(PREFIX) and value.startswith(_PUBLISHED_KEY))


def unknown_settings(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Each `FOOTFALL_` variable that nothing reads, with the most similar known one, if any is similar."""
    known = known_settings()
    return {
        name: next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.8)), None)
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and not _KUBERNETES_VARIABLE.search(name)
    }


@cache
def known_settings() -> frozenset[str]:
    """Every variable that a service or a tool reads."""
    return frozenset(KNOWN_SETTINGS_FILE.read_text().split())
