"""The headers of a record of `events`: CloudEvents in the binary mode of its Kafka binding. No I/O."""

from datetime import UTC, datetime
from functools import lru_cache

from avro_schemas.schema import event_schema
from producer_api.intake.event import EncodedEvent
from producer_api.request import Request
from producer_api.storage.records import Header

# What all records have in common.
_COMMON: list[Header] = [
    ("ce_specversion", b"1.0"),
    ("ce_source", b"/api/analytics/collect"),
    ("content-type", b"application/vnd.confluent.avro"),
]


def request_headers(request: Request) -> list[Header]:
    """The headers that all records of a request share."""
    traceparent = request.headers.get(b"traceparent")
    return [*_COMMON, ("traceparent", traceparent[:100])] if traceparent else _COMMON


def event_headers(shared: list[Header], event: EncodedEvent) -> list[Header]:
    """All headers of an event's record; `shared` are those of its request."""
    headers = [*shared, ("ce_id", event.event_id.encode()), *_type_headers(event.event_type)]
    headers.append(("ce_time", _rfc3339(event.occurred_at)))
    # CloudEvents forbids empty subjects and control characters. The page is in the value, so nothing is lost.
    if (page := event.page) and page.isprintable():
        headers.append(("ce_subject", page.encode()))
    return headers


@lru_cache(maxsize=1_000)
def _type_headers(event_type: str) -> tuple[Header, Header]:
    return ("ce_type", event_type.encode()), ("ce_dataschema", event_schema(event_type).uri.encode())


def _rfc3339(milliseconds: int) -> bytes:
    """A time since 1970 in UTC, with milliseconds."""
    seconds, rest = divmod(milliseconds, 1000)
    return b"%b.%03dZ" % (_second(seconds), rest)


@lru_cache(maxsize=1_000)
def _second(seconds: int) -> bytes:
    # Formatting a time costs as much as all other headers together, and most events are of the last few seconds.
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
