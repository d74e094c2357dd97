"""Whose requests the collectors reject: pages of which origins, and sessions for which reason; and what to set."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from aiokafka.errors import KafkaError

from avro_schemas import topic
from avro_schemas.reasons import FORBIDDEN_REASONS
from avro_schemas.wire.codec import decode_values
from footfall.doctor.finding import Finding
from footfall.kafka import reader
from service_kit.kafka.settings import KafkaSettings

_TIMEOUT_SECONDS = 15.0
_HOUR_MS = 3_600_000
# Of each partition.
_READ_RECORDS = 300
_MAX_FINDINGS = 5
_SESSIONS = "docs/collect.md explains sessions"
_FIXES: Mapping[str, str] = MappingProxyType(
    {
        "origin_not_allowed": "add the origin to FOOTFALL_ALLOWED_ORIGINS, or proxy the collector on that origin:"
        " docs/proxies.md",
        "session_missing": "set FOOTFALL_ANONYMOUS_VISITORS=true to accept visitors who are not signed in;"
        f" {_SESSIONS}",
        "session_invalid": "check FOOTFALL_SESSION_KEY or FOOTFALL_SESSION_JWKS_URL, the claims, and whose cookie"
        f" has this name; {_SESSIONS}",
        "session_expired": f"renew sessions before they expire, if these are more than a few; {_SESSIONS}",
        "backend_key_invalid": "check FOOTFALL_BACKEND_KEYS, and which key that backend sends",
    }
)


async def check_rejected(settings: KafkaSettings) -> list[Finding]:
    """What the newest records of `events-rejected` say. Nothing if they cannot be read: other checks say so."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            records = await _newest(settings)
    except (KafkaError, OSError, TimeoutError):
        return []
    return rejected_senders(records, time.time_ns() // 1_000_000)


def rejected_senders(records: Iterable[Mapping[str, Any]], now: int) -> list[Finding]:
    """A finding for each reason and what was expected, of the hour before `now` (ms); most frequent first."""
    counts = Counter(
        (record["reason"], record["errors"][0]["expected"])
        for record in records
        if record["reason"] in FORBIDDEN_REASONS and record["errors"] and _at(record) > now - _HOUR_MS
    )
    findings = [
        Finding(
            "senders",
            "warn",
            f"at least {count} requests in an hour: {reason}; expected: {expected}",
            _FIXES[reason],
        )
        for (reason, expected), count in counts.most_common(_MAX_FINDINGS)
    ]
    if (further := len(counts) - _MAX_FINDINGS) > 0:
        fix = "the metric footfall_collector_events counts them by reason"
        findings.append(Finding("senders", "warn", f"{further} further origins or reasons", fix))
    return findings or [Finding("senders", "ok", "no sender was turned away in the last hour")]


def _at(record: Mapping[str, Any]) -> int:
    at = record["rejected_at"]
    return int(at.timestamp() * 1000) if isinstance(at, datetime) else int(at)


async def _newest(settings: KafkaSettings) -> list[dict[str, Any]]:
    async with reader.open_consumer(settings, settings.name(topic.EVENTS_REJECTED)) as consumer:
        end = await reader.end_offsets(consumer)
        await reader.seek_to_last(consumer, _READ_RECORDS)
        values = [record.value async for record in reader.read_until(consumer, end)]
    return list(decode_values(values, "rejected_event"))
