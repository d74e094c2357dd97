"""From a raw event to a record of `events`: checked, stamped, reduced. Pure: time and ids come in."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from avro_schemas import catalogue, codec, event_ids
from avro_schemas.checks import Fault, describe, faults, text_fault
from avro_schemas.schemas import for_event
from producer_api.devices import Device, device
from producer_api.privacy import without_query

FIELDS = frozenset({"event_type", "event_data", "timestamp", "event_id"})
AHEAD_MS = 10 * 60_000
PAST_MS = 10 * 60_000
ID_BACK_MS = 7 * 86_400_000
_LONGEST_USER_AGENT = 2_000
# The whole range that every reader of the timestamp can hold.
_FIRST_MS, _LAST_MS = 946_684_800_000, 4_102_444_800_000
_ANY_NAME = re.compile(r"[a-zA-Z0-9_.\-:]{1,100}")


@dataclass(frozen=True, slots=True)
class Visit:
    """What is known of the sender. `received_at` in milliseconds since 1970."""

    received_at: int
    user_key: bytes | None
    session_key: bytes | None
    ip_hash: bytes | None
    user_agent: str
    sent_at: int | None = None

    @property
    def key(self) -> bytes | None:
        """The record key: of the user, else of the session, else none."""
        return self.user_key or self.session_key


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that may be published: `value` is the Avro record with its prefix."""

    event_id: str
    event_type: str
    value: bytes


class Intake:
    """Turns raw events into records. `any_custom` takes custom events that no catalogue names."""

    def __init__(self, *, any_custom: bool, most_event_bytes: int) -> None:
        self._any_custom, self._most_event_bytes = any_custom, most_event_bytes

    def accept(self, raw: Any, visit: Visit, fresh_id: Callable[[], str]) -> Accepted | list[Fault]:
        """The record of a raw event, or everything that is wrong with it."""
        if type(raw) is not dict:
            return [Fault("event_not_object", "", "an object", describe(raw))]
        found = [_unknown(name, raw[name]) for name in raw.keys() - FIELDS]
        event_type = self._event_type(raw, found)
        event_id = _event_id(raw, visit.received_at, fresh_id, found)
        occurred_at, flag = _occurred_at(raw, visit.received_at, found)
        event_data, seen_device = _reduced(raw, visit.user_agent, found)
        if event_type and event_data is not None:
            found += faults(for_event(event_type), event_data)
        if found or event_data is None:
            return found
        page = event_data.get("page")
        record = {
            "event_id": event_id,
            "event_type": event_type,
            "occurred_at": occurred_at,
            "time_flag": flag,
            "sent_at": visit.sent_at,
            "received_at": visit.received_at,
            "user_key": visit.user_key,
            "session_key": visit.session_key,
            "ip_hash": visit.ip_hash,
            "device": seen_device,
            "page": page if isinstance(page, str) else None,
            "event_data": event_data,
        }
        return self._encoded(event_id, event_type, record)

    def _encoded(self, event_id: str, event_type: str, record: dict[str, Any]) -> Accepted | list[Fault]:
        value = codec.encode(for_event(event_type), record)
        if len(value) > self._most_event_bytes:
            return [Fault("too_large", "", f"an event of at most {self._most_event_bytes} bytes")]
        return Accepted(event_id, event_type, value)

    def _event_type(self, raw: dict[str, Any], found: list[Fault]) -> str:
        if "event_type" not in raw:
            found.append(Fault("field_missing", "/event_type", "the name of an event"))
            return ""
        event_type = raw["event_type"]
        if type(event_type) is not str:
            found.append(Fault("type_mismatch", "/event_type", "text", describe(event_type)))
            return ""
        if event_type in catalogue.event_types() or (self._any_custom and _ANY_NAME.fullmatch(event_type)):
            return event_type
        meant = catalogue.did_you_mean(event_type)
        hint = f'did you mean "{meant}"?' if meant else "one of " + ", ".join(sorted(catalogue.event_types()))
        found.append(Fault("event_type_unknown", "/event_type", hint, describe(event_type)))
        return ""


def sent_at_of(parsed: Any) -> int | None:
    """When the client says it sent the request, in milliseconds since 1970; None if it does not say."""
    text = parsed.get("sent_at") if isinstance(parsed, dict) else None
    return _moment(text) if isinstance(text, str) else None


def _unknown(name: str, value: Any) -> Fault:
    shown = name[:50].encode("ascii", "backslashreplace").decode().replace("~", "~0").replace("/", "~1")
    return Fault("field_unknown", f"/{shown}", "one of " + ", ".join(sorted(FIELDS)), describe(value))


def _event_id(raw: dict[str, Any], now: int, fresh_id: Callable[[], str], found: list[Fault]) -> str:
    event_id = raw.get("event_id")
    if event_id is None:
        return fresh_id()
    if type(event_id) is not str or not event_ids.is_valid(event_id):
        expected = "evt_ and the 32 hex digits of a UUIDv7, in lower case"
        found.append(Fault("event_id_invalid", "/event_id", expected, describe(event_id)))
        return ""
    if not now - ID_BACK_MS <= event_ids.moment(event_id) <= now + AHEAD_MS:
        expected = "an id made at most 7 days ago and 10 minutes ahead; make a new one"
        found.append(Fault("event_id_time", "/event_id", expected))
    return event_id


def _occurred_at(raw: dict[str, Any], now: int, found: list[Fault]) -> tuple[int, str]:
    text = raw.get("timestamp")
    if text is None:
        return now, "ok"
    moment = _moment(text) if type(text) is str else None
    if moment is None:
        expected = "ISO 8601 with an offset, such as 2024-01-15T10:30:00Z"
        found.append(Fault("timestamp_invalid", "/timestamp", expected, describe(text)))
        return now, "ok"
    if not _FIRST_MS <= moment < _LAST_MS:
        found.append(Fault("timestamp_out_of_range", "/timestamp", "a moment in the years 2000 to 2099"))
        return now, "ok"
    if moment > now + AHEAD_MS:
        return now, "clamped"
    return moment, "past" if moment < now - PAST_MS else "ok"


def _moment(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    try:
        return int(moment.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None


def _reduced(
    raw: dict[str, Any], header_user_agent: str, found: list[Fault]
) -> tuple[dict[str, Any] | None, Device]:
    """`event_data` without what is only kept reduced: the user agent and the queries of addresses."""
    if "event_data" not in raw:
        found.append(Fault("field_missing", "/event_data", "an object"))
        return None, device("")
    event_data = raw["event_data"]
    if type(event_data) is not dict:
        found.append(Fault("type_mismatch", "/event_data", "an object", describe(event_data)))
        return None, device("")
    user_agent = event_data.get("user_agent", header_user_agent)
    if type(user_agent) is not str:
        found.append(Fault("type_mismatch", "/event_data/user_agent", "text", describe(user_agent)))
        return None, device("")
    if fault := text_fault(user_agent, "/event_data/user_agent", _LONGEST_USER_AGENT):
        found.append(fault)
        return None, device("")
    reduced = {name: value for name, value in event_data.items() if name != "user_agent"}
    for name in ("page", "referrer"):
        if isinstance(address := reduced.get(name), str):
            reduced[name] = without_query(address)
    return reduced, device(user_agent)
