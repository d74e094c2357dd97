"""From a raw event to a record of `events`: validated, stripped of personal data, encoded.

No I/O: time and randomness come with the request's context, and redactions are counted in it.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

from avro_schemas import event_ids
from avro_schemas.event_types import event_type_names
from avro_schemas.schema import CUSTOM, event_schema
from avro_schemas.validation.event_data_writer import InvalidEventData
from avro_schemas.validation.fault import Fault, child_pointer, describe_value, text_fault
from avro_schemas.validation.faults import find_faults
from avro_schemas.wire.event_reader import times_in_range
from avro_schemas.wire.event_writer import NO_ARRIVAL, write_event
from producer_api.intake import clock_skew
from producer_api.intake.context import RequestContext
from producer_api.intake.event_names import EventNames
from producer_api.privacy.devices import encoded_device
from producer_api.privacy.redaction import is_card_number, is_suspicious, redact
from producer_api.privacy.urls import strip_url

FIELDS = frozenset({"event_type", "event_data", "timestamp", "event_id"})
MAX_ID_AGE_MS = 7 * 86_400_000
MAX_ID_AHEAD_MS = clock_skew.MAX_AHEAD_MS
_MAX_USER_AGENT_LENGTH = 2_000
_URL_FIELDS = ("page", "referrer")
_ID_FORMAT = "evt_ and the 32 hex digits of a UUIDv7, in lower case"


@dataclass(slots=True)
class EncodedEvent:
    """An event that may be published: the Avro record with its prefix, and what its headers repeat of it."""

    event_id: str
    event_type: str
    # In milliseconds since 1970.
    occurred_at: int
    page: str | None
    value: bytes


class EventProcessor:
    """Turns raw events into records. `names` says which event types are accepted."""

    def __init__(
        self,
        *,
        names: EventNames | None = None,
        max_event_bytes: int = 32 * 1024,
        max_depth: int = 32,
        allowed_parameters: Collection[str] = (),
    ) -> None:
        self._names = names or EventNames()
        self._max_event_bytes, self._max_depth = max_event_bytes, max_depth
        self._allowed_parameters = frozenset(allowed_parameters)

    def process(self, raw: Any, context: RequestContext, sent_id: str | None) -> EncodedEvent | list[Fault]:
        """The record of a raw event, or every fault of it. `sent_id` is its `client_event_id`."""
        outcome = self._process(raw, context, sent_id)
        # An event nested too deeply always has other faults too, so only events with faults are measured.
        if type(outcome) is list and _is_deeper(raw, self._max_depth):
            return [Fault("too_deep", "", f"values nested at most {self._max_depth} deep")]
        return outcome

    def _process(self, raw: Any, context: RequestContext, sent_id: str | None) -> EncodedEvent | list[Fault]:
        if type(raw) is not dict:
            return [Fault("event_not_object", "", "an object", describe_value(raw))]
        found: list[Fault] = []
        if not raw.keys() <= FIELDS:
            found += [_unknown(name, raw[name]) for name in raw.keys() - FIELDS]
        event_type = self._event_type(raw, context, found)
        event_id = _event_id(raw, context, sent_id, found)
        occurred_at, time_flag = _occurred_at(raw, context, found)
        if not times_in_range(occurred_at, context.received_at, context.sent_at):
            # The rule of the readers, which would make a dead letter of it after a 2xx.
            found.append(Fault("timestamp_out_of_range", "/timestamp", clock_skew.TIMESTAMP_RANGE))
        event_data = _event_data(raw, found)
        if event_data is None:
            return found
        event_data, device = self._strip(event_type, event_data, context, found)
        if not found:
            page = event_data.get("page")
            page = page if type(page) is str else None
            try:
                value = write_event(
                    event_type,
                    event_id,
                    occurred_at,
                    time_flag,
                    context.request_parts,
                    device,
                    None,
                    page,
                    None,
                    NO_ARRIVAL,
                    event_data,
                )
            except InvalidEventData:
                pass  # the writer does not say what is wrong; `find_faults` below does
            else:
                return self._checked(EncodedEvent(event_id, event_type, occurred_at, page, value))
        if event_type:
            found += find_faults(event_schema(event_type), event_data)
        return found

    def _checked(self, event: EncodedEvent) -> EncodedEvent | list[Fault]:
        if len(event.value) > self._max_event_bytes:
            return [Fault("too_large", "", f"an event of at most {self._max_event_bytes} bytes")]
        return event

    def _event_type(self, raw: dict[str, Any], context: RequestContext, found: list[Fault]) -> str:
        event_type = raw.get("event_type")
        if type(event_type) is str:
            fault = self._names.fault(event_type, context.sender, context.received_at)
            if fault is None:
                return event_type
            found.append(fault)
        elif "event_type" in raw:
            found.append(Fault("type_mismatch", "/event_type", "text", describe_value(event_type)))
        else:
            found.append(Fault("field_missing", "/event_type", "the name of an event type"))
        return ""

    def _strip(
        self, event_type: str, event_data: dict[str, Any], context: RequestContext, found: list[Fault]
    ) -> tuple[dict[str, Any], bytes]:
        """`event_data` without personal data and without the user agent, and the device as Avro bytes."""
        device = context.device
        stripped: dict[str, Any] = {}
        for name, value in event_data.items():
            if name == "user_agent":
                device = _device(value, found)
                continue
            if name in _URL_FIELDS and type(value) is str:
                value = strip_url(value, self._allowed_parameters)
            stripped[name] = _redact_value(name, value, context)
        if event_type and event_schema(event_type).name == CUSTOM:
            stripped = _redact_names_and_cards(stripped, context)
        return stripped, device


def client_event_id(raw: Any) -> str | None:
    """The event id that the client made, if it is valid."""
    event_id = raw.get("event_id") if type(raw) is dict else None
    return event_id if type(event_id) is str and event_ids.is_valid(event_id) else None


def _is_deeper(value: Any, max_depth: int) -> bool:
    level = [value]
    for _ in range(max_depth):
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


def _event_id(raw: dict[str, Any], context: RequestContext, sent_id: str | None, found: list[Fault]) -> str:
    if sent_id is None:
        if (invalid := raw.get("event_id")) is None:
            return context.new_id()
        found.append(Fault("event_id_invalid", "/event_id", _ID_FORMAT, describe_value(invalid)))
        return ""
    if not -MAX_ID_AGE_MS <= event_ids.timestamp_ms(sent_id) - context.received_at <= MAX_ID_AHEAD_MS:
        expected = "an id made at most 7 days ago and at most 10 minutes ahead; make a new one"
        found.append(Fault("event_id_time", "/event_id", expected))
    return sent_id


def _occurred_at(raw: dict[str, Any], context: RequestContext, found: list[Fault]) -> tuple[int, str]:
    text = raw.get("timestamp")
    if text is None:
        return context.received_at, "ok"
    timestamp = clock_skew.parse_timestamp(text)
    if timestamp is None:
        found.append(Fault("timestamp_invalid", "/timestamp", clock_skew.TIMESTAMP_FORMAT, describe_value(text)))
    elif not clock_skew.is_in_range(timestamp):
        found.append(Fault("timestamp_out_of_range", "/timestamp", clock_skew.TIMESTAMP_RANGE))
    else:
        return clock_skew.corrected(timestamp, context.sent_at, context.received_at)
    return context.received_at, "ok"


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
        return encoded_device(user_agent)
    return b""


def _redact_value(name: str, value: Any, context: RequestContext) -> Any:
    if type(value) is str:
        return _redact_text(value, name, context) if is_suspicious(value) else value
    if type(value) is dict:
        return _redact_names_and_cards(
            {key: _redact_value(name, item, context) for key, item in value.items()}, context
        )
    return value


def _redact_names_and_cards(values: dict[str, Any], context: RequestContext) -> dict[str, Any]:
    """Where clients choose the names, names may be personal too, and numbers may be card numbers."""
    redacted = {}
    for name, value in values.items():
        if type(value) is int and value > 10**11 and is_card_number(value):
            context.count_redaction("card", "properties")
            value = "[card]"
        redacted[name if name.isidentifier() else _redact_text(name, "properties", context)] = value
    return redacted


def _redact_text(text: str, name: str, context: RequestContext) -> str:
    counts: Counter[str] = Counter()
    text = redact(text, counts)
    for pattern, count in counts.items():
        context.count_redaction(pattern, name if name in _field_names() else "properties", count)
    return text


@cache
def _field_names() -> frozenset[str]:
    """The names of all typed fields. As metric labels they are bounded, whatever clients send."""
    types = (event_schema(event_type) for event_type in event_type_names())
    data = (schema.definition["fields"][-1]["type"] for schema in types if schema.name != CUSTOM)
    return frozenset(field["name"] for record in data for field in record["fields"])
