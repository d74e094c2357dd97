"""Events as records of the topic, for tests without a collector."""

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from avro_schemas import event_ids
from avro_schemas.schema import CUSTOM, Schema, event_schema
from avro_schemas.wire import codec
from avro_schemas.wire.event_reader import KEYS

NOON = 1_767_268_800_000  # 2026-01-01 12:00 UTC


def now_ms() -> int:
    """The current time, for events to which a real broker adds its own timestamp."""
    return time.time_ns() // 1_000_000


def user_key(name: str) -> bytes:
    """A user key as the collector computes it: 16 bytes."""
    return hashlib.sha256(name.encode()).digest()[:16]


def fresh_id(now: int = NOON) -> str:
    return event_ids.generate(now, os.urandom(event_ids.RANDOM_BYTES))


def event(event_type: str = "click", now: int = NOON, **changes: Any) -> dict[str, Any]:
    """The fields of an event received at `now`, with `changes`: keys as bytes, `event_data` as a client sends it."""
    fields = {
        "event_id": fresh_id(now),
        "event_type": event_type,
        "occurred_at": now,
        "time_flag": "ok",
        "sent_at": None,
        "received_at": now,
        "site": "default",
        "user_key": None,
        "visitor_key": None,
        "session_key": None,
        "device": {"browser": "Chrome", "system": "Linux", "kind": "desktop", "bot": None},
        "page": None,
        "event_data": {"page": "/"} if event_type == "page_view" else {"element": "nav_menu"},
    }
    return fields | changes


def encoded(fields: dict[str, Any]) -> bytes:
    schema = event_schema(fields["event_type"])
    return codec.encode(schema, in_avro(schema, fields))


def in_avro(schema: Schema, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of an event as its record has them: keys as text, free data as JSON."""
    keys = {name: fields[name] and fields[name].hex() for name in KEYS if name in fields}
    event_data = fields["event_data"]
    if schema.name == CUSTOM:
        event_data = {"properties": _json(event_data)}
    elif "properties" in event_data:
        event_data = event_data | {"properties": _json(event_data["properties"])}
    return fields | keys | {"event_data": event_data}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


@dataclass(frozen=True, slots=True)
class Record:
    """A record as a consumer delivers it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int = 0
