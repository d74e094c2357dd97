"""Events in wire format, as the collector writes them: what a request's events share is written once.

The same bytes as `codec.encode` of the same fields, which a contract test holds for every schema.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from avro_schemas.schema import event_schema
from avro_schemas.validation import event_data_writer
from avro_schemas.wire import varints

_NULL, _PRESENT = b"\0", b"\2"
_FLAGS = {symbol: varints.long(number) for number, symbol in enumerate(("unknown", "ok", "past", "clamped"))}
_KINDS = {
    kind: varints.long(number) for number, kind in enumerate(("unknown", "desktop", "mobile", "tablet", "bot"))
}


def write_event(
    event_type: str,
    event_id: str,
    occurred_at: int,
    time_flag: str,
    shared: bytes,
    device: bytes,
    page: str | None,
    event_data: Any,
) -> bytes:
    """An event with its prefix; `shared` and `device` as the functions of these names write them.

    Raise `strict.InvalidEventData` if `event_data` is not as the schema of the event type says.
    """
    plan = _plan(event_type)
    return b"".join(
        (
            plan.prefix,
            _text(event_id),
            plan.event_type,
            varints.long(occurred_at),
            _FLAGS[time_flag],
            shared,
            device,
            _NULL if page is None else _PRESENT + _text(page),
            plan.write_data(event_data),
        )
    )


def write_shared(
    sent_at: int | None,
    received_at: int,
    user_key: bytes | None,
    session_key: bytes | None,
    ip_hash: bytes | None,
) -> bytes:
    """What all events of a request share: times in milliseconds since 1970, and keyed hashes."""
    times = (_NULL if sent_at is None else _PRESENT + varints.long(sent_at)) + varints.long(received_at)
    return times + b"".join(map(_optional_bytes, (user_key, session_key, ip_hash)))


def write_device(browser: str, system: str, kind: str, bot: str | None) -> bytes:
    """The classes of a device."""
    return _text(browser) + _text(system) + _KINDS[kind] + (_NULL if bot is None else _PRESENT + _text(bot))


class _Plan(NamedTuple):
    prefix: bytes
    event_type: bytes
    write_data: event_data_writer.Write


@lru_cache(maxsize=1_000)
def _plan(event_type: str) -> _Plan:
    schema = event_schema(event_type)
    return _Plan(schema.prefix, _text(event_type), event_data_writer.writer_for(schema))


def _text(text: str) -> bytes:
    encoded = text.encode()
    return varints.length(len(encoded)) + encoded


def _optional_bytes(value: bytes | None) -> bytes:
    return _NULL if value is None else _PRESENT + varints.length(len(value)) + value
