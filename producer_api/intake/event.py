"""From a raw event to a record of `events`: checked, reduced, written. Pure: time and ids come with the visit."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

from avro_schemas import event_ids
from avro_schemas.event_types import did_you_mean, event_type_names
from avro_schemas.schema import CUSTOM, event_schema
from avro_schemas.validation.event_data_writer import InvalidEventData
from avro_schemas.validation.faults import Fault, child_pointer, describe_value, find_faults, text_fault
from avro_schemas.wire.event_writer import write_event
from producer_api.intake import clock_skew
from producer_api.intake.context import Visit
from producer_api.privacy.devices import written_device
from producer_api.privacy.redaction import is_card_number, is_suspicious, redact
from producer_api.privacy.urls import reduced

FIELDS = frozenset({"event_type", "event_data", "timestamp", "event_id"})
ID_BACK_MS = 7 * 86_400_000
ID_AHEAD_MS = clock_skew.AHEAD_MS
_MAX_USER_AGENT_LENGTH = 2_000
_ADDRESSES = ("page", "referrer")
_ANY_NAME = re.compile(r"[a-zA-Z0-9_.\-:]{1,100}")
_ID_FORM = "evt_ and the 32 hex digits of a UUIDv7, in lower case"


@dataclass(slots=True)
class Accepted:
    """An event that may be published: `value` is the Avro record with its prefix."""

    event_id: str
    event_type: str
    value: bytes


class Intake:
    """Turns raw events into records. `any_custom` takes custom events that no catalogue names."""

    def __init__(
        self,
        *,
        any_custom: bool = False,
        max_event_bytes: int = 32 * 1024,
        max_depth: int = 32,
        allowed_parameters: Collection[str] = (),
    ) -> None:
        self._any_custom, self._max_event_bytes, self._max_depth = any_custom, max_event_bytes, max_depth
        self._allowed_parameters = frozenset(allowed_parameters)

    def accept(self, raw: Any, visit: Visit, own_id: str | None) -> Accepted | list[Fault]:
        """The record of a raw event, or everything that is wrong with it; `own_id` as `own_id_of` tells."""
        outcome = self._accept(raw, visit, own_id)
        # No event as deep as that passes, so only what is wrong is measured.
        if type(outcome) is list and _is_deeper(raw, self._max_depth):
            return [Fault("too_deep", "", f"values nested at most {self._max_depth} deep")]
        return outcome

    def _accept(self, raw: Any, visit: Visit, own_id: str | None) -> Accepted | list[Fault]:
        if type(raw) is not dict:
            return [Fault("event_not_object", "", "an object", describe_value(raw))]
        found: list[Fault] = []
        if not raw.keys() <= FIELDS:
            found += [_unknown(name, raw[name]) for name in raw.keys() - FIELDS]
        event_type = self._event_type(raw, found)
        event_id = _event_id(raw, visit, own_id, found)
        occurred_at, flag = _occurred_at(raw, visit, found)
        event_data = _event_data(raw, found)
        if event_data is None:
            return found
        event_data, device = self._reduced(event_type, event_data, visit, found)
        if not found:
            page = event_data.get("page")
            page = page if type(page) is str else None
            try:
                value = write_event(
                    event_type, event_id, occurred_at, flag, visit.request_parts, device, page, event_data
                )
            except InvalidEventData:
                pass  # the checks say why
            else:
                return self._accepted(event_id, event_type, value)
        if event_type:
            found += find_faults(event_schema(event_type), event_data)
        return found

    def _accepted(self, event_id: str, event_type: str, value: bytes) -> Accepted | list[Fault]:
        if len(value) > self._max_event_bytes:
            return [Fault("too_large", "", f"an event of at most {self._max_event_bytes} bytes")]
        return Accepted(event_id, event_type, value)

    def _event_type(self, raw: dict[str, Any], found: list[Fault]) -> str:
        event_type = raw.get("event_type")
        if type(event_type) is str:
            if event_type in event_type_names() or (self._any_custom and _ANY_NAME.fullmatch(event_type)):
                return event_type
            meant = did_you_mean(event_type)
            known = "one of " + ", ".join(sorted(event_type_names()))
            hint = f'did you mean "{meant}"?' if meant else known
            found.append(Fault("event_type_unknown", "/event_type", hint, describe_value(event_type)))
        elif "event_type" in raw:
            found.append(Fault("type_mismatch", "/event_type", "text", describe_value(event_type)))
        else:
            found.append(Fault("field_missing", "/event_type", "the name of an event"))
        return ""

    def _reduced(
        self, event_type: str, event_data: dict[str, Any], visit: Visit, found: list[Fault]
    ) -> tuple[dict[str, Any], bytes]:
        """`event_data` without what is only kept reduced, and the device as Avro bytes."""
        device = visit.device
        kept: dict[str, Any] = {}
        for name, value in event_data.items():
            if name == "user_agent":
                device = _device(value, found)
                continue
            if name in _ADDRESSES and type(value) is str:
                value = reduced(value, self._allowed_parameters)
            kept[name] = _without_personal_data(name, value, visit)
        if event_type and event_schema(event_type).name == CUSTOM:
            kept = _named_freely(kept, visit)
        return kept, device


def own_id_of(raw: Any) -> str | None:
    """The client's own id of an event, where it has a valid one."""
    event_id = raw.get("event_id") if type(raw) is dict else None
    return event_id if type(event_id) is str and event_ids.is_valid(event_id) else None


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            if type(outer) in (dict, list)
            for inner in (outer.values() if type(outer) is dict else outer)
        ]
        if not level:
            return False
    return any(type(value) in (dict, list) for value in level)


def _unknown(name: str, value: Any) -> Fault:
    return Fault(
        "field_unknown", child_pointer("", name), "one of " + ", ".join(sorted(FIELDS)), describe_value(value)
    )


def _event_id(raw: dict[str, Any], visit: Visit, own_id: str | None, found: list[Fault]) -> str:
    if own_id is None:
        if (sent := raw.get("event_id")) is None:
            return visit.fresh_id()
        found.append(Fault("event_id_invalid", "/event_id", _ID_FORM, describe_value(sent)))
        return ""
    if not -ID_BACK_MS <= event_ids.timestamp_ms(own_id) - visit.received_at <= ID_AHEAD_MS:
        expected = "an id made at most 7 days ago and 10 minutes ahead; make a new one"
        found.append(Fault("event_id_time", "/event_id", expected))
    return own_id


def _occurred_at(raw: dict[str, Any], visit: Visit, found: list[Fault]) -> tuple[int, str]:
    text = raw.get("timestamp")
    if text is None:
        return visit.received_at, "ok"
    moment = clock_skew.read(text)
    if moment is None:
        expected = "ISO 8601 with an offset, such as 2024-01-15T10:30:00Z"
        found.append(Fault("timestamp_invalid", "/timestamp", expected, describe_value(text)))
    elif not clock_skew.is_in_range(moment):
        found.append(Fault("timestamp_out_of_range", "/timestamp", "a moment in the years 2000 to 2099"))
    else:
        return clock_skew.placed(moment, visit.sent_at, visit.received_at)
    return visit.received_at, "ok"


def _event_data(raw: dict[str, Any], found: list[Fault]) -> dict[str, Any] | None:
    event_data = raw.get("event_data")
    if type(event_data) is dict:
        return event_data
    if "event_data" in raw:
        found.append(Fault("type_mismatch", "/event_data", "an object", describe_value(event_data)))
    else:
        found.append(Fault("field_missing", "/event_data", "an object"))
    return None


def _device(user_agent: Any, found: list[Fault]) -> bytes:
    if type(user_agent) is not str:
        found.append(Fault("type_mismatch", "/event_data/user_agent", "text", describe_value(user_agent)))
    elif fault := text_fault(user_agent, "/event_data/user_agent", _MAX_USER_AGENT_LENGTH):
        found.append(fault)
    else:
        return written_device(user_agent)
    return b""


def _without_personal_data(name: str, value: Any, visit: Visit) -> Any:
    if type(value) is str:
        return _redacted(value, name, visit) if is_suspicious(value) else value
    if type(value) is dict:
        return _named_freely(
            {key: _without_personal_data(name, item, visit) for key, item in value.items()}, visit
        )
    return value


def _named_freely(values: dict[str, Any], visit: Visit) -> dict[str, Any]:
    """Where clients choose the names, the names are looked at too, and numbers may be card numbers."""
    named = {}
    for name, value in values.items():
        if type(value) is int and value > 10**11 and is_card_number(value):
            visit.count_removed("card", "properties")
            value = "[card]"
        named[name if name.isidentifier() else _redacted(name, "properties", visit)] = value
    return named


def _redacted(text: str, name: str, visit: Visit) -> str:
    removed: Counter[str] = Counter()
    text = redact(text, removed)
    for pattern, count in removed.items():
        visit.count_removed(pattern, name if name in _field_names() else "properties", count)
    return text


@cache
def _field_names() -> frozenset[str]:
    """The names of all typed fields: labels that cannot grow with what clients send."""
    types = (event_schema(event_type) for event_type in event_type_names())
    data = (schema.definition["fields"][-1]["type"] for schema in types if schema.name != CUSTOM)
    return frozenset(field["name"] for record in data for field in record["fields"])
