"""What counts as an event on the topic `events`: one rule for all who read it, so that their counts agree."""

from avro_schemas import event_ids
from avro_schemas.codec import Record, Undecodable, decode
from avro_schemas.schemas import CUSTOM, Schema, typed_events

DAY_MS = 86_400_000
# Postgres partitions by the time inside the id: it must lie where partitions are, or may be made.
ID_BACK_MS = 90 * DAY_MS
ID_AHEAD_MS = DAY_MS
# Times that every reader can hold: up to the end of the year 9999.
_LAST_MS = 253_402_300_800_000

_EVENT_SCHEMAS = frozenset((*typed_events(), CUSTOM))


def decode_event(value: bytes | None, appended_at: int) -> tuple[Schema, Record]:
    """Read an event that was appended at `appended_at` (milliseconds since 1970).

    Raise `Undecodable` for anything else: the collector lets none of it through, but others may write here.
    """
    schema, event = decode(value)
    if schema.name not in _EVENT_SCHEMAS:
        raise Undecodable("schema_unexpected", f"{schema.subject} is not an event")
    event_id = event["event_id"]
    if not event_ids.is_valid(event_id):
        raise Undecodable("event_id_invalid", "the id is not evt_ and a UUIDv7")
    if not appended_at - ID_BACK_MS <= event_ids.moment(event_id) <= appended_at + ID_AHEAD_MS:
        raise Undecodable("event_id_time", "the time inside the id is far from the time it was appended")
    if not (0 <= event["occurred_at"] < _LAST_MS and 0 <= event["received_at"] < _LAST_MS):
        raise Undecodable("timestamp_out_of_range", "a time before 1970 or after the year 9999")
    if event["sent_at"] is not None and not 0 <= event["sent_at"] < _LAST_MS:
        raise Undecodable("timestamp_out_of_range", "a time before 1970 or after the year 9999")
    return schema, event
