"""`footfall explain`: where an event is: accepted, counted, landed."""

import asyncio
import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from avro_schemas import event_ids, topic
from avro_schemas.wire.codec import decode
from footfall import target
from footfall.kafka import reader
from service_kit.kafka import KafkaSettings

NOT_FOUND = 1
PARTLY = 3
# As it landed, or packed.
_RECEIVED = """
select received_at from raw_events where event_id = %(id)s
union all
select event.received_at from packed_events as packed cross join lateral unpack(packed) as event
where packed.day = day_of(%(id)s) and %(id)s = any(packed.event_ids) and event.event_id = %(id)s
"""
# The collector's clock and the broker's may differ a little.
_SLACK_MS = 60_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """Where the event stands in `events`."""

    partition: int
    offset: int
    appended_at: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was found of an event; None for what was not."""

    event_id: str
    accepted: Accepted | None
    counted: bool
    landed: str | None


def explain(
    event_id: Annotated[str, typer.Argument(help="The id that the collector answered.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Tell where an event is: accepted into Kafka, counted live, landed in Postgres.

    Exit codes: 0 everywhere, 1 nowhere, 3 not everywhere yet.

    Example: footfall explain evt_019ab3c0d5e87000a1b2c3d4e5f60718
    """
    if not event_ids.is_valid(event_id):
        typer.echo(f"{event_id} is no event id: it must be evt_ and the 32 hex digits of a UUIDv7.", err=True)
        raise typer.Exit(NOT_FOUND)
    found_target = target.find()
    landed = received(found_target.require("FOOTFALL_POSTGRES_DSN"), event_id)
    found = asyncio.run(_explain(found_target.kafka(), event_id, landed))
    typer.echo(json.dumps(asdict(found), indent=2) if as_json else _in_words(found))
    places = (found.accepted is not None, found.counted, found.landed is not None)
    if not all(places):
        raise typer.Exit(PARTLY if any(places) else NOT_FOUND)


async def _explain(kafka: KafkaSettings, event_id: str, landed: datetime | None) -> Explanation:
    accepted = await _accepted(kafka, event_id, landed)
    counted = accepted is not None and await _position(kafka, accepted.partition) >= accepted.offset
    return Explanation(event_id, accepted, counted, landed.isoformat() if landed else None)


async def _accepted(kafka: KafkaSettings, event_id: str, landed: datetime | None) -> Accepted | None:
    """Search `events` from when the event was received; without a row, from the time in its id."""
    received = int(landed.timestamp() * 1000) if landed else event_ids.timestamp_ms(event_id)
    wanted = event_id.encode()
    async with reader.open_consumer(kafka, kafka.name(topic.EVENTS)) as consumer:
        end = await reader.end_offsets(consumer)
        await reader.seek_to_time(consumer, min(received, _now()) - _SLACK_MS)
        async for record in reader.read_until(consumer, end):
            if wanted in (record.value or b"") and decode(record.value)[1]["event_id"] == event_id:
                appended = datetime.fromtimestamp(record.timestamp / 1000, UTC)
                return Accepted(record.partition, record.offset, appended.isoformat(timespec="milliseconds"))
    return None


async def _position(kafka: KafkaSettings, partition: int) -> int:
    """Up to where the stream app has counted a partition; -1 if nowhere."""
    position = -1
    async with reader.open_consumer(kafka, kafka.name(topic.LIVE_AGGREGATES)) as consumer:
        async for record in reader.read_until(consumer, await reader.end_offsets(consumer)):
            if record.partition == partition and record.value:
                position = max(position, decode(record.value)[1]["source_offset"])
    return position


def received(dsn: str, event_id: str) -> datetime | None:
    """When the event of the row was received; None without a row."""
    import psycopg

    try:
        with psycopg.connect(dsn, connect_timeout=5) as connection:
            row = connection.execute(_RECEIVED, {"id": event_ids.to_uuid(event_id)}).fetchone()
    except psycopg.Error as error:
        typer.echo(f"Postgres cannot be asked: {error}", err=True)
        return None
    return row[0] if row else None


def _in_words(found: Explanation) -> str:
    made = datetime.fromtimestamp(event_ids.timestamp_ms(found.event_id) / 1000, UTC).isoformat(
        timespec="milliseconds"
    )
    lines = [found.event_id, f"  made      {made} (the time in the id)"]
    if found.accepted:
        where = f"{topic.EVENTS}, partition {found.accepted.partition}, offset {found.accepted.offset}"
        lines.append(f"  accepted  {found.accepted.appended_at}, {where}")
    else:
        lines.append(f"  accepted  not found in {topic.EVENTS}: never acknowledged, or older than its retention")
    lines.append(f"  counted   {'yes, in the live counts' if found.counted else 'not yet'}")
    lines.append(f"  landed    {'yes, a row in Postgres' if found.landed else 'no row in Postgres yet'}")
    return "\n".join(lines)


def _now() -> int:
    return time.time_ns() // 1_000_000
