"""Entries of the live feed, out of records of `events` and `events-rejected`. No I/O."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from avro_schemas.wire.codec import Undecodable
from avro_schemas.wire.event_reader import decode_event
from dashboard.live.rejected_events import RejectedEvent
from dashboard.live.snapshot import Json
from service_kit.kafka.record import KafkaRecord

log = logging.getLogger(__name__)

# Entries per quarter of a second: about fifty per second, which is more than anybody can read.
MAX_ENTRIES = 12
_MAX_DETAIL_LENGTH = 2_000
_MAX_TEXT_LENGTH = 120
# Fields of the head that the details show, where they are set.
_HEAD = (
    *(
        "event_id",
        "occurred_at",
        "time_flag",
        "site",
        "user_key",
        "visitor_key",
        "session_key",
        "country",
        "language",
    ),
    *("release", "hostname", "route", "source", "channel", "utm_source", "utm_medium", "utm_campaign"),
)
# Fields that say what an event is about. The first one that it has is shown.
_SUMMARY_FIELDS = ("button", "form", "message", "feature", "element", "title", "source")


def sampled(records: Iterable[KafkaRecord]) -> list[KafkaRecord]:
    """The newest records. The others are never decoded."""
    return sorted(records, key=lambda record: record.timestamp)[-MAX_ENTRIES:]


def event_entries(records: Sequence[KafkaRecord]) -> list[Json]:
    """An entry per record that is an event."""
    entries = []
    for record in records:
        try:
            _schema, event = decode_event(record.value, record.timestamp)
        except Undecodable as error:
            log.debug("a record is not an event", extra={"error": str(error)})
            continue
        try:
            entries.append(_event_entry(event, record.timestamp))
        except Exception:  # it counts as skipped; the others are shown
            log.exception("an event has no entry in the feed", extra={"event_id": event["event_id"]})
    return entries


def rejected_entry(event: RejectedEvent) -> Json:
    """The entry of a rejected event."""
    detail = {
        "reason": event.reason,
        "pointer": event.pointer,
        "expected": event.expected,
        "rejected_by": event.by,
    }
    return _entry("rejected", event.at, event.event_type or "", "", event.reason, detail)


def _event_entry(event: dict[str, Any], appended_at: int) -> Json:
    data = _data(event["event_data"])
    head = {name: event[name] for name in _HEAD if event[name] is not None}
    detail = {**head, "device": event["device"], "event_data": data}
    page = event["page"] or data.get("page") or ""
    return _entry("accepted", appended_at, event["event_type"], page, event["source"] or _summary(data), detail)


def _data(event_data: dict[str, Any]) -> dict[str, Any]:
    """What the client sent: of a custom event, which has nothing else, the properties."""
    own = {name: value for name, value in event_data.items() if value is not None}
    properties = orjson.loads(own.pop("properties"))
    if not own:
        return dict(properties)
    return own | ({"properties": properties} if properties else {})


def _summary(data: dict[str, Any]) -> str:
    if "metric" in data and "value" in data:
        return f"{data['metric']} {data['value']}"
    return next((str(data[name]) for name in _SUMMARY_FIELDS if name in data), "")


def _entry(status: str, at: int, event_type: str, page: str, summary: str, detail: Json) -> Json:
    text = orjson.dumps(detail, option=orjson.OPT_INDENT_2, default=str).decode()
    if len(text) > _MAX_DETAIL_LENGTH:
        text = text[:_MAX_DETAIL_LENGTH] + "\n…"
    return {
        "status": status,
        "at": at,
        "type": event_type[:_MAX_TEXT_LENGTH],
        "page": page[:_MAX_TEXT_LENGTH],
        "summary": summary[:_MAX_TEXT_LENGTH],
        "detail": text,
    }
