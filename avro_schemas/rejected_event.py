"""Values of `events-rejected`: events and records that were rejected, with every reason, and bounded in size."""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from avro_schemas.schema import latest
from avro_schemas.validation.bounds import MAX_FAULTS
from avro_schemas.validation.fault import Fault
from avro_schemas.wire import codec

MAX_BODY_BYTES = 32 * 1024
_MAX_DETAIL_LENGTH = 500
# Of a record of others, which may have a mebibyte of each.
MAX_KEY_BYTES = 1024
MAX_HEADERS_BYTES = 16 * 1024
# The header that stands for those that are left out: their number, their bytes, and the hash of them.
HEADERS_LEFT_OUT = "headers_left_out"
_MAX_SCHEMA_ID = 2**31 - 1


class RecordPosition(NamedTuple):
    """Where a rejected record is."""

    topic: str
    partition: int
    offset: int


def bounded_key(key: bytes | None) -> bytes | None:
    """The key of a rejected record; of one that is longer than any of ours its beginning, length and hash."""
    if key is None or len(key) <= MAX_KEY_BYTES:
        return key
    return key[: MAX_KEY_BYTES // 2] + f"... {len(key)} bytes, sha256 {sha256(key).hexdigest()}".encode()


def bounded_headers(headers: Sequence[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """The headers of a rejected record; where they are too long, the first that fit, and what is left out."""
    fitting, room = list[tuple[str, bytes | None]](), MAX_HEADERS_BYTES
    for place, (name, value) in enumerate(headers):
        room -= len(name.encode()) + len(value or b"") + 8
        if room < 0:
            left = b"".join(name.encode() + b"\0" + (value or b"") for name, value in headers[place:])
            summary = f"{len(headers) - place} headers, {len(left)} bytes, sha256 {sha256(left).hexdigest()}"
            return [*fitting, (HEADERS_LEFT_OUT, summary.encode())]
        fitting.append((name, value))
    return fitting


def record_fault(reason: str, detail: str) -> Fault:
    """What is wrong with a record that was read from a topic; `detail` may be of any length."""
    return Fault(reason, "", "an event", detail[:_MAX_DETAIL_LENGTH])


def encode_rejected_event(
    rejected_by: str,
    rejected_at: int,
    faults: Sequence[Fault],
    *,
    user_key: bytes | None,
    body: bytes,
    body_size: int | None = None,
    event_id: str | None = None,
    event_type: str | None = None,
    position: RecordPosition | None = None,
) -> bytes:
    """The value of a rejected event; `rejected_at` in milliseconds since 1970.

    `body` is what a client sent, or the value of a record that was read at `position`. `body_size` is its size,
    for a caller that has cut it off already.
    """
    record = {
        "rejected_at": rejected_at,
        "rejected_by": rejected_by,
        "reason": faults[0].code,
        "errors": [
            {"code": fault.code, "pointer": fault.pointer, "expected": fault.expected, "got": fault.got}
            for fault in faults[:MAX_FAULTS]
        ],
        "event_id": event_id,
        "event_type": event_type,
        "user_key": None if user_key is None else user_key.hex(),
        "schema_id": _schema_id(body) if position else None,
        "source_topic": position.topic if position else None,
        "source_partition": position.partition if position else None,
        "source_offset": position.offset if position else None,
        "body": body[:MAX_BODY_BYTES],
        "body_size": len(body) if body_size is None else body_size,
    }
    return codec.encode(latest()["rejected_event"], record)


def _schema_id(value: bytes) -> int | None:
    """The schema id that a value names, if it does."""
    if len(value) < codec.PREFIX_SIZE or value[0] != 0:
        return None
    schema_id = codec.schema_id_of(value)
    return schema_id if schema_id <= _MAX_SCHEMA_ID else None
