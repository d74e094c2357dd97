"""Entries of the live feed from records of `events` and `events-rejected`. Pure."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from avro_schemas.wire.codec import Undecodable
from avro_schemas.wire.event_reader import decode_event
from dashboard.live.rejections import Rejection
from dashboard.live.snapshot import Json
from service_kit.kafka import KafkaRecord

log = logging.getLogger(__name__)

# Entries shown in each quarter of a second: fifty a second, which is more than anybody reads.
MAX_CONCURRENT = 12
_MAX_DETAIL_LENGTH = 2_000
_MAX_ABOUT = 120
# What says in a word what an event is about, the first that is there.
_TELLING = ("button", "form", "message", "feature", "element", "referrer", "title", "source")


def sampled(records: Iterable[KafkaRecord]) -> list[KafkaRecord]:
    """The newest of what came at once; what is left out is never decoded."""
    return sorted(records, key=lambda record: record.timestamp)[-MAX_CONCURRENT:]


def events(records: Sequence[KafkaRecord]) -> list[Json]:
    """Entries of those that are events."""
    entries = []
    for record in records:
        try:
            _schema, event = decode_event(record.value, record.timestamp)
        except Undecodable as refusal:
            log.debug("a record is no event", extra={"error": str(refusal)})
            continue
        entries.append(_event(event, record.timestamp))
    return entries


def _event(event: dict[str, Any], appended_at: int) -> Json:
    data = {name: value for name, value in event["event_data"].items() if value not in (None, {})}
    told = {
        **{name: event[name] for name in ("event_id", "occurred_at", "time_flag")},
        **{name: event[name].hex() for name in ("user_key", "session_key") if event[name]},
        "device": event["device"],
        "event_data": data,
    }
    page = event["page"] or data.get("page") or ""
    return _entry("event", appended_at, event["event_type"], page, _about(data), told)


def _about(data: dict[str, Any]) -> str:
    if "metric" in data and "value" in data:
        return f"{data['metric']} {data['value']}"
    return next((str(data[name]) for name in _TELLING if name in data), "")


def rejected(each: Rejection) -> Json:
    """The entry of a rejected event."""
    told = {"reason": each.reason, "pointer": each.pointer, "expected": each.expected, "rejected_by": each.by}
    return _entry("rejected", each.at, each.event_type or "", "", each.reason, told)


def _entry(kind: str, at: int, event_type: str, page: str, about: str, told: Json) -> Json:
    detail = orjson.dumps(told, option=orjson.OPT_INDENT_2, default=str).decode()
    if len(detail) > _MAX_DETAIL_LENGTH:
        detail = detail[:_MAX_DETAIL_LENGTH] + "\n…"
    return {
        "kind": kind,
        "at": at,
        "type": event_type[:_MAX_ABOUT],
        "page": page[:_MAX_ABOUT],
        "about": about[:_MAX_ABOUT],
        "detail": detail,
    }
