"""Records for `events-rejected` of what was read from a topic and could not be taken."""

from dataclasses import dataclass
from typing import Protocol

from avro_schemas.schema import latest
from avro_schemas.wire import codec

MAX_BODY_BYTES = 32 * 1024
_MAX_DETAIL_LENGTH = 500


class Source(Protocol):
    """A record as it was read."""

    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who refuses a record, when (milliseconds since 1970), with which code of the closed set, and in words."""

    by: str
    at: int
    reason: str
    detail: str


def rejected_value(
    refusal: Refusal,
    topic: str,
    partition: int,
    source: Source,
    *,
    event_id: str | None = None,
    event_type: str | None = None,
) -> bytes:
    """The value of the record; its key is that of the source."""
    body = source.value or b""
    schema_id = int.from_bytes(body[1:5], "big") if len(body) >= 5 and body[0] == 0 else 2**31
    fault = {
        "code": refusal.reason,
        "pointer": "",
        "expected": "an event",
        "got": refusal.detail[:_MAX_DETAIL_LENGTH],
    }
    record = {
        "rejected_at": refusal.at,
        "rejected_by": refusal.by,
        "reason": refusal.reason,
        "errors": [fault],
        "event_id": event_id,
        "event_type": event_type,
        "user_key": source.key,
        "schema_id": schema_id if schema_id < 2**31 else None,
        "source_topic": topic,
        "source_partition": partition,
        "source_offset": source.offset,
        "body": body[:MAX_BODY_BYTES],
        "body_size": len(body),
    }
    return codec.encode(latest()["rejected_event"], record)
