"""Checks of the environment: settings, keys, certificates and disks."""

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from footfall.doctor.finding import Finding, State
from service_kit.kafka.settings import KafkaSettings
from service_kit.metrics import expires
from service_kit.sessions.settings import SessionSettings
from service_kit.setting_checks import hard_to_guess
from service_kit.settings import SettingsError, load
from service_kit.startup import published_keys, unknown_settings

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
_SECRETS = ("FOOTFALL_HASH_KEY", "FOOTFALL_SESSION_KEY", "FOOTFALL_DASHBOARD_TOKEN")
_MIN_SECRET_LENGTH = 32
_DAY_SECONDS = 86_400.0
_RENEW_DAYS = 14
_MIN_FREE_SHARE = 0.1


def check_environment(environ: Mapping[str, str]) -> list[Finding]:
    """Everything in the environment that is misspelt, weak, expiring, full, or for development only."""
    findings = [
        *check_unknown_settings(environ),
        *check_secrets(environ),
        *check_origins(environ.get("FOOTFALL_ALLOWED_ORIGINS", "")),
        *check_trust_loopback(environ),
        *check_sessions(environ),
        *check_certificates(environ, time.time()),
        *check_disks(environ),
    ]
    return findings or [Finding("settings", "ok", "no setting is unknown, weak or for development only")]


def check_unknown_settings(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that begin with FOOTFALL_ and that nothing reads."""
    for name, similar in unknown_settings(environ).items():
        fix = f"did you mean {similar}?" if similar else "remove it; docs/settings.md lists every setting"
        yield Finding("settings", "warn", f"{name} is set, but nothing reads it", fix)


def check_secrets(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Keys that can be guessed. Their values are never shown."""
    for name in _SECRETS:
        value = _secret(environ, name)
        if not value or "BEGIN PUBLIC KEY" in value:
            continue
        if len(value) < _MIN_SECRET_LENGTH or not _is_hard_to_guess(value):
            message = f"{name} is short or repetitive, so it can be guessed"
            fix = "generate one with `openssl rand -hex 32`; docs/operating.md explains rotation"
            yield Finding("secrets", "fail", message, fix)


def check_origins(origins: str) -> Iterator[Finding]:
    """Allowed origins that no browser sends, or that are not safe."""
    for origin in filter(None, (each.strip() for each in origins.split(","))):
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or origin == "*":
            message = f"FOOTFALL_ALLOWED_ORIGINS has {origin}, which no browser sends as an origin"
            yield Finding("origins", "fail", message, "write scheme and host, such as https://www.example.org")
        elif parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
            message = f"FOOTFALL_ALLOWED_ORIGINS has {origin}, whose pages can be altered in transit"
            yield Finding("origins", "warn", message, "serve the pages over https")


def check_trust_loopback(environ: Mapping[str, str]) -> Iterator[Finding]:
    """A switch that only `footfall up` should set."""
    if environ.get("FOOTFALL_TRUST_LOOPBACK", "").lower() in ("true", "1", "yes", "on"):
        message = "FOOTFALL_TRUST_LOOPBACK is set: anyone on the collector's machine can post without a session"
        yield Finding("settings", "warn", message, "unset it; `footfall up` sets it for itself")


def check_sessions(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Settings of sessions that are weaker than the operator may think, and keys that everybody knows."""
    for name in published_keys(environ):
        fix = "generate one with `openssl rand -hex 32`"
        yield Finding("secrets", "warn", f"{name} is the key that compose.yaml publishes: anyone can use it", fix)
    try:
        warnings = load(SessionSettings, environ).warnings()
    except SettingsError as error:
        yield Finding("sessions", "fail", " ".join(error.faults), "docs/collect.md explains sessions")
        return
    for warning in warnings:
        yield Finding("sessions", "warn", warning, "docs/collect.md explains sessions")


def check_certificates(environ: Mapping[str, str], now: float) -> Iterator[Finding]:
    """Certificates of the Kafka client that have expired or soon will; `now` in seconds since 1970."""
    try:
        kafka = load(KafkaSettings, environ)
    except SettingsError:
        return  # no Kafka is configured, so there are no certificates
    for name, file in (("client", kafka.kafka_ssl_certificate), ("CA", kafka.kafka_ssl_ca)):
        if file is None:
            continue
        try:
            days_left = (expires(file) - now) / _DAY_SECONDS
        except (OSError, ValueError) as error:
            yield Finding("certificate", "fail", f"{file} cannot be read: {error}", "replace it with a PEM file")
            continue
        state: State = "ok" if days_left > _RENEW_DAYS else "warn" if days_left > 0 else "fail"
        message = (
            f"the {name} certificate {f'expires in {days_left:.0f} days' if days_left > 0 else 'has expired'}"
        )
        yield Finding("certificate", state, message, "" if state == "ok" else "renew it and restart the services")


def check_disks(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Free space on the disks that hold data on this machine."""
    for name in ("FOOTFALL_DATA_DIR", "FOOTFALL_SPOOL_DIR"):
        if not (given := environ.get(name)) or not (folder := Path(given)).is_dir():
            continue
        usage = shutil.disk_usage(folder)
        free_share = usage.free / usage.total
        message = f"{free_share:.0%} of the disk of {folder} is free ({usage.free / 2**30:.0f} GiB)"
        if free_share < _MIN_FREE_SHARE:
            yield Finding("disk", "warn", message, f"free some space, or set {name} to a folder on another disk")
        else:
            yield Finding("disk", "ok", message)


def _is_hard_to_guess(secret: str) -> bool:
    try:
        hard_to_guess(secret)
    except ValueError:
        return False
    return True


def _secret(environ: Mapping[str, str], name: str) -> str:
    """A secret from the environment, or from the file that `NAME_FILE` names."""
    try:
        return environ.get(name) or Path(environ[f"{name}_FILE"]).read_text().strip()
    except (KeyError, OSError):
        return ""
