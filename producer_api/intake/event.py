"""From a raw event to a record of `events`: validated, stripped of personal data, encoded.

No I/O: time and randomness come with the request's context, and redactions are counted in it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from avro_schemas import event_ids
from avro_schemas.schema import CUSTOM, event_schema
from avro_schemas.validation.bounds import MAX_FAULTS
from avro_schemas.validation.event_data_writer import InvalidEventData
from avro_schemas.validation.fault import Fault, child_pointer, describe_value
from avro_schemas.validation.faults import find_faults
from avro_schemas.wire.event_reader import times_in_range
from avro_schemas.wire.event_writer import RequestParts, write_event
from producer_api.intake import clock_skew
from producer_api.intake.arrival import MAX_REFERRER_LENGTH, arrival_of, encode_arrival
from producer_api.intake.client_context import NO_CONTEXT, ClientContext, read_context
from producer_api.intake.context import RequestContext
from producer_api.intake.event_names import EventNames
from producer_api.intake.event_senders import SENDER_FIELDS, sender_fault
from producer_api.intake.lone_events import RefusedEvent, is_deeper, too_deep
from producer_api.intake.personal_data import Stripped, redact_utm, strip_event_data
from producer_api.privacy.urls import NO_UTM

FIELDS = frozenset({"event_type", "event_data", "timestamp", "event_id", "context"})
PAGE_VIEW = "page_view"
MAX_ID_AGE_MS = 7 * 86_400_000
MAX_ID_AHEAD_MS = clock_skew.MAX_AHEAD_MS
# Arrivals whose bytes are cached: most events have the referrer of another one.
_MAX_CACHED = 10_000
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
    """Turns raw events into records. `names` says which event types are accepted.

    `own_hosts` are those of the allowed origins, without `www.`; empty `sites` means that any may be named.
    """

    def __init__(
        self,
        *,
        names: EventNames | None = None,
        max_event_bytes: int = 32 * 1024,
        max_depth: int = 32,
        allowed_parameters: Collection[str] = (),
        own_hosts: Collection[str] = (),
        sites: Collection[str] = (),
    ) -> None:
        self._names = names or EventNames()
        self._max_event_bytes, self._max_depth = max_event_bytes, max_depth
        self._allowed_parameters, self._own_hosts = frozenset(allowed_parameters), frozenset(own_hosts)
        self._sites = frozenset(sites)
        self._arrival_by_referrer = lru_cache(maxsize=_MAX_CACHED)(self._uncached_arrival)

    def process(self, raw: Any, context: RequestContext, sent_id: str | None) -> EncodedEvent | list[Fault]:
        """The record of a raw event, or its faults, MAX_FAULTS at most. `sent_id` is its `client_event_id`."""
        outcome = self._process(raw, context, sent_id)
        # An event nested too deeply always has other faults too, so only events with faults are measured.
        if type(outcome) is list:
            if is_deeper(raw, self._max_depth):
                return [too_deep(self._max_depth)]
            return outcome[:MAX_FAULTS]
        return outcome

    def _process(self, raw: Any, context: RequestContext, sent_id: str | None) -> EncodedEvent | list[Fault]:
        if type(raw) is not dict:
            if type(raw) is RefusedEvent:
                return [raw.fault]
            return [Fault("event_not_object", "", "an object", describe_value(raw))]
        found: list[Fault] = []
        if not raw.keys() <= FIELDS:
            found += [_unknown(name, raw[name], context) for name in islice(raw.keys() - FIELDS, MAX_FAULTS)]
        event_type = self._event_type(raw, context, found)
        event_id = _event_id(raw, context, sent_id, found)
        occurred_at, time_flag = _occurred_at(raw, context, found)
        if not times_in_range(occurred_at, context.received_at, context.sent_at):
            # The rule of the readers, which would make a dead letter of it after a 2xx.
            found.append(Fault("timestamp_out_of_range", "/timestamp", clock_skew.TIMESTAMP_RANGE))
        event_data = _event_data(raw, found)
        client, request_parts = context.client, context.request_parts
        if "context" in raw:
            client, request_parts = self._client(raw, context, found)
        if event_data is None:
            return found
        stripped = strip_event_data(
            event_data,
            context,
            found,
            is_custom=bool(event_type) and event_schema(event_type).name == CUSTOM,
            allowed_parameters=self._allowed_parameters,
        )
        if not found:
            hostname = client.hostname or stripped.url.hostname or context.origin_host
            arrival = self._arrival(event_type, stripped, hostname, client, context)
            stored = context.stored_fields
            try:
                value = write_event(
                    event_type,
                    event_id,
                    occurred_at,
                    time_flag,
                    request_parts,
                    stripped.device,
                    hostname if "hostname" in stored else None,
                    stripped.page,
                    client.route if "route" in stored else None,
                    arrival,
                    stripped.event_data,
                )
            except InvalidEventData:
                pass  # the writer does not say what is wrong; `find_faults` below does
            else:
                return self._checked(EncodedEvent(event_id, event_type, occurred_at, stripped.page, value))
        if event_type:
            found += find_faults(event_schema(event_type), stripped.event_data)
        return found

    def _client(
        self, raw: dict[str, Any], context: RequestContext, found: list[Fault]
    ) -> tuple[ClientContext, RequestParts]:
        """What the client says about where the event happened, and the fields that follow from it."""
        sent = raw["context"]
        key = _hashable(sent)
        if (known := context.clients.get(key)) is not None:
            return known
        before = len(found)
        own = read_context(sent, "/context", self._sites, found)
        if own is NO_CONTEXT:
            return context.client, context.request_parts
        client = own.redacted(context.redactions).over(context.client)
        known = client, context.parts_of(client)
        if key is not None and len(found) == before:
            context.clients[key] = known
        return known

    def _arrival(
        self,
        event_type: str,
        stripped: Stripped,
        hostname: str | None,
        client: ClientContext,
        context: RequestContext,
    ) -> bytes:
        """How the visitor arrived, as Avro bytes."""
        url, referrer = stripped.url, stripped.referrer or client.referrer
        is_page_view, stored = event_type == PAGE_VIEW, context.stored_fields
        if referrer:
            referrer = referrer[:MAX_REFERRER_LENGTH]
        if url.utm is NO_UTM and not url.is_ad:
            return self._arrival_by_referrer(is_page_view, referrer, hostname, stored)
        arrival = arrival_of(
            is_page_view=is_page_view,
            referrer=referrer,
            hostname=hostname,
            own_hosts=self._own_hosts,
            utm=url.utm,
            is_ad=url.is_ad,
        )
        return encode_arrival(arrival, stored, redact_utm(url.utm, context))

    def _uncached_arrival(
        self, is_page_view: bool, referrer: str | None, hostname: str | None, stored_fields: frozenset[str]
    ) -> bytes:
        arrival = arrival_of(
            is_page_view=is_page_view, referrer=referrer, hostname=hostname, own_hosts=self._own_hosts
        )
        return encode_arrival(arrival, stored_fields)

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


def _hashable(sent: Any) -> tuple[tuple[str, Any], ...] | None:
    """The same for contexts that are read alike; None for one that may not be valid."""
    if type(sent) is dict and all(type(value) in (str, int) for value in sent.values()):
        return tuple(sent.items())
    return None


def client_event_id(raw: Any) -> str | None:
    """The event id that the client made, if it is valid."""
    event_id = raw.get("event_id") if type(raw) is dict else raw.event_id if type(raw) is RefusedEvent else None
    return event_id if type(event_id) is str and event_ids.is_valid(event_id) else None


def _unknown(name: str, value: Any, context: RequestContext) -> Fault:
    if name in SENDER_FIELDS:
        return sender_fault(name, value, from_backend=context.from_backend)
    return Fault(
        "field_unknown", child_pointer("", name), "one of " + ", ".join(sorted(FIELDS)), describe_value(value)
    )


def _event_id(raw: dict[str, Any], context: RequestContext, sent_id: str | None, found: list[Fault]) -> str:
    if sent_id is None:
        if (invalid := raw.get("event_id")) is None:
            return context.new_id()
        found.append(Fault("event_id_invalid", "/event_id", _ID_FORMAT, describe_value(invalid)))
        return ""
    made_at = event_ids.timestamp_ms(sent_id)
    if _may_be_id_time(made_at, context):
        return sent_id
    corrected = clock_skew.corrected_id_time(made_at, context.sent_at, context.received_at)
    if _may_be_id_time(corrected, context):
        return event_ids.at_time(sent_id, corrected)
    expected = "an id made at most 7 days ago and at most 10 minutes ahead; make a new one"
    found.append(Fault("event_id_time", "/event_id", expected))
    return sent_id


def _may_be_id_time(made_at: int, context: RequestContext) -> bool:
    """Whether Postgres has, or keeps, a partition for ids of this time."""
    return -MAX_ID_AGE_MS <= made_at - context.received_at <= MAX_ID_AHEAD_MS


def _occurred_at(raw: dict[str, Any], context: RequestContext, found: list[Fault]) -> tuple[int, str]:
    text = raw.get("timestamp")
    if text is None:
        return context.received_at, "ok"
    timestamp = clock_skew.parse_timestamp(text)
    if timestamp is None:
        found.append(Fault("timestamp_invalid", "/timestamp", clock_skew.TIMESTAMP_FORMAT, describe_value(text)))
    elif not clock_skew.is_in_range(timestamp) and not clock_skew.is_in_range(
        clock_skew.by_our_clock(timestamp, context.sent_at, context.received_at)
    ):
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
