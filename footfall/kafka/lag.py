"""Consumer lag: how far the readers of `events` are behind its end.

By what they did, not by what their groups committed: anybody who joins a group moves that. The positions of the
sinks are in Postgres, those of the stream app in its changelog.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from avro_schemas.topic import EVENTS, STREAM_STATE, named
from dashboard.sql import Database, queries
from footfall.kafka.reader import end_offsets, open_consumer, read_until, seek_to_last
from service_kit.kafka.settings import KafkaSettings
from service_kit.postgres import PostgresSettings

STREAM_APP, SINKS = "stream app", "sinks"
# As stream_app/engine/changelog.py writes it: the term of its owner and the position that the state had are in
# front of every value, and the value with this key completes a checkpoint.
_FENCE, _CONTROL = struct.Struct(">qq"), b"|c"
# The last record completes a checkpoint, unless a crash has torn the newest one, which may have many values.
_LAST_RECORDS = (1, 2_000)


@dataclass(frozen=True, slots=True)
class Lag:
    """A reader's position in a partition, None if it has never read one, and the end of the partition."""

    reader: str
    partition: int
    position: int | None
    end: int

    @property
    def records(self) -> int:
        """Records between position and end."""
        return max(0, self.end - (self.position or 0))


async def current_lags(kafka: KafkaSettings, postgres: PostgresSettings) -> list[Lag]:
    """Every reader's lag in every partition. Without Postgres, that of the sinks by what their group committed."""
    # The ends last: otherwise a reader could be ahead of them.
    positions = {STREAM_APP: await counted_offsets(kafka)}
    try:
        positions[SINKS] = await landed_offsets(postgres, kafka.name(EVENTS))
    except psycopg.Error:
        positions[f"{SINKS} (as committed; Postgres does not answer)"] = await _committed_offsets(kafka)
    async with open_consumer(kafka, kafka.name(EVENTS)) as consumer:
        ends = await end_offsets(consumer)
    return [
        Lag(reader, tp.partition, offsets.get(tp.partition), end)
        for reader, offsets in positions.items()
        for tp, end in sorted(ends.items())
    ]


async def landed_offsets(postgres: PostgresSettings, topic: str) -> dict[int, int]:
    """The first offset that has not landed, by partition. Nothing before the sinks have made their tables."""
    async with Database(postgres).reading() as connection:
        try:
            rows = await connection.execute(queries["landed_offsets"], {"topic": topic})
        except psycopg.errors.UndefinedTable:
            return {}
        return dict(await rows.fetchall())


async def counted_offsets(kafka: KafkaSettings) -> dict[int, int]:
    """The first offset that is not in a complete checkpoint of the state, by partition."""
    found: dict[int, int] = {}
    async with open_consumer(kafka, kafka.name(STREAM_STATE)) as consumer:
        ends = await end_offsets(consumer)
        for count in _LAST_RECORDS:
            await seek_to_last(consumer, count)
            newest: dict[int, list[ConsumerRecord]] = {}
            async for record in read_until(consumer, ends):
                newest.setdefault(record.partition, []).append(record)
            positions = {partition: position_of_state(records) for partition, records in newest.items()}
            found |= {partition: position + 1 for partition, position in positions.items() if position is not None}
            if found.keys() >= newest.keys():
                break
    return found


async def _committed_offsets(kafka: KafkaSettings) -> dict[int, int]:
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(kafka.name(named(EVENTS).consumer_groups["sinks"]))
    finally:
        await admin.close()
    return {tp.partition: found.offset for tp, found in committed.items() if found.offset >= 0}


def position_of_state(records: Iterable[ConsumerRecord]) -> int | None:
    """The offset that the state has counted last, of the newest records of a partition of its log.

    None if no checkpoint is complete.
    """
    completing = [record for record in records if (record.key or b"").endswith(_CONTROL)]
    fences = [_FENCE.unpack_from(r.value) for r in completing if len(r.value or b"") >= _FENCE.size]
    return max(fences)[1] if fences else None
