"""What `footfall doctor` finds in the environment: settings, keys, certificates, disks, and who may look."""

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from footfall.doctor.services import Finding, State
from service_kit.kafka import KafkaSettings
from service_kit.metrics import expires
from service_kit.settings import SettingsError, load
from service_kit.startup import unknown_settings

_SECRETS = ("FOOTFALL_HASH_KEY", "FOOTFALL_SESSION_KEY", "FOOTFALL_DASHBOARD_TOKEN")
_MIN_LENGTH = 32
_FEW_CHARACTERS = 8
_DAYS = 86_400.0
_SOON_DAYS = 14
_MIN_FREE = 0.1
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def look_at_settings(environ: Mapping[str, str]) -> list[Finding]:
    """Everything in the environment that is misspelt, weak, or for development only."""
    found = [
        *of_spelling(environ),
        *of_secrets(environ),
        *of_origins(environ.get("FOOTFALL_ALLOWED_ORIGINS", "")),
        *of_loopback(environ),
        *of_certificates(environ, time.time()),
        *of_disks(environ),
    ]
    return found or [Finding("settings", "ok", "nothing is misspelt, weak or about to end")]


async def look_at_access(url: str) -> list[Finding]:
    """Whether anybody who reaches the dashboard may read it."""
    host = urlsplit(url).hostname or ""
    if host in _LOOPBACK:
        return []
    async with httpx.AsyncClient(base_url=url, timeout=10, follow_redirects=False) as client:
        try:
            answer = await client.get("/dashboard/snapshot.json")
        except httpx.TransportError:
            return []  # the look at the services says so already
    if answer.status_code == 200:
        fix = "set a token or a role for it (docs/dashboard.md), or let the Ingress ask who comes"
        return [Finding("access", "warn", f"whoever reaches {host} can read the dashboard", fix)]
    return [Finding("access", "ok", "the dashboard asks who comes")]


def of_spelling(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Settings that nothing reads."""
    for name, meant in unknown_settings(environ).items():
        fix = f"did you mean {meant}?" if meant else "remove it; docs/settings.md has all there are"
        yield Finding("settings", "warn", f"{name} is set, and nothing reads it", fix)


def of_secrets(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Keys that can be guessed. What is read is never shown."""
    for name in _SECRETS:
        value = _secret(environ, name)
        if not value or "BEGIN PUBLIC KEY" in value:
            continue
        if len(value) < _MIN_LENGTH or len(set(value)) < _FEW_CHARACTERS:
            said = f"{name} is short or repeats itself: it may be guessed"
            yield Finding(
                "secrets", "fail", said, "make one with `openssl rand -hex 32`; docs/operating.md on rotation"
            )


def of_origins(listed: str) -> Iterator[Finding]:
    """Origins that no browser sends, or that are too wide."""
    for origin in filter(None, (each.strip() for each in listed.split(","))):
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or origin == "*":
            said = f"FOOTFALL_ALLOWED_ORIGINS has {origin}, which no browser sends as an origin"
            yield Finding("origins", "fail", said, "write scheme and host, such as https://www.example.org")
        elif parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            said = f"FOOTFALL_ALLOWED_ORIGINS has {origin}: its pages can be forged on the way"
            yield Finding("origins", "warn", said, "serve the pages with https")


def of_loopback(environ: Mapping[str, str]) -> Iterator[Finding]:
    """The switch of `footfall up` in an environment that is not its own."""
    if environ.get("FOOTFALL_TRUST_LOOPBACK", "").lower() in ("true", "1", "yes", "on"):
        said = "FOOTFALL_TRUST_LOOPBACK is set: whoever is on the collector's machine needs no session"
        yield Finding("settings", "warn", said, "unset it; `footfall up` sets it for itself")


def of_certificates(environ: Mapping[str, str], now: float) -> Iterator[Finding]:
    """Certificates that have ended or soon will; `now` in seconds since 1970."""
    try:
        kafka = load(KafkaSettings, environ)
    except SettingsError:
        return  # there is no Kafka to have certificates for
    for what, file in (("client's", kafka.kafka_ssl_certificate), ("authority's", kafka.kafka_ssl_ca)):
        if file is None:
            continue
        try:
            left = (expires(file) - now) / _DAYS
        except (OSError, ValueError) as error:
            yield Finding("certificate", "fail", f"{file} cannot be read: {error}", "put a PEM file there")
            continue
        state: State = "ok" if left > _SOON_DAYS else "warn" if left > 0 else "fail"
        said = f"the {what} certificate {f'ends in {left:.0f} days' if left > 0 else 'has ended'}"
        yield Finding("certificate", state, said, "" if state == "ok" else "renew it, then restart the services")


def of_disks(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether there is room where data are kept on this machine."""
    for name in ("FOOTFALL_DATA_DIR", "FOOTFALL_SPOOL_DIR"):
        folder = Path(environ.get(name) or "/nowhere")
        if not folder.is_dir():
            continue
        room = shutil.disk_usage(folder)
        free = room.free / room.total
        said = f"{free:.0%} of the disk of {folder} is free, {room.free / 2**30:.0f} GiB"
        if free < _MIN_FREE:
            yield Finding("disk", "warn", said, "make room, or move the folder")
        else:
            yield Finding("disk", "ok", said)


def _secret(environ: Mapping[str, str], name: str) -> str:
    """A secret of the environment, or of the file it names."""
    try:
        return environ.get(name) or Path(environ[f"{name}_FILE"]).read_text().strip()
    except (KeyError, OSError):
        return ""
