"""Publishes visits that are over, and links of visitors to users, each again when it changed.

The tables are the outbox: a row says whether it is published as it is. Readers see a record at least once, and
never an older one after a newer one.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row

from avro_schemas import topic
from avro_schemas.schema import latest
from avro_schemas.wire import codec
from service_kit.kafka.settings import KafkaSettings
from service_kit.postgres import PostgresSettings
from sinks import metrics
from sinks.relay import LockedConnection, relay
from sinks.sql import read_statements

_MAX_BATCH, _VISITS_SECONDS = 500, 10.0
_SQL = read_statements(__name__)
Row = dict[str, Any]


class VisitRelay:
    """Publishes to the topics `visits` and `identities`."""

    def __init__(self, kafka: KafkaSettings, where: PostgresSettings) -> None:
        self._kafka = kafka
        self._visits, self._identities = kafka.name(topic.VISITS), kafka.name(topic.IDENTITIES)
        self._locked = LockedConnection(where, "footfall relay of visits")
        self._look_again_at = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until `stopping` is set."""
        await relay(self._kafka, self._publish, self._locked.close, stopping, "visits")

    async def _publish(self, producer: Any) -> int:
        removed = await asyncio.to_thread(self._tombstones)
        await self._send(
            producer, [(self._topic_of(each["topic"]), each["key"].encode(), None) for each in removed]
        )
        if removed:
            await asyncio.to_thread(
                self._execute, "delete_tombstones", _columns(removed, topics="topic", keys="key")
            )
        links = await asyncio.to_thread(self._rows, "identities")
        await self._send(producer, [(self._identities, *_identity(each)) for each in links])
        if links:
            await asyncio.to_thread(self._execute, "mark_identities", _links(links))
        visits = await asyncio.to_thread(self._visits_over)
        versions = [(each.pop("id"), each.pop("version")) for each in visits]
        await self._send(producer, [(self._visits, *_visit(each)) for each in visits])
        if visits:
            ids, marks = zip(*versions, strict=True)
            await asyncio.to_thread(self._execute, "mark_visits", {"ids": list(ids), "versions": list(marks)})
        for name, published in (("visits", visits), ("identities", links)):
            gone = sum(each["topic"] == name for each in removed)
            metrics.VISITS_PUBLISHED.labels(name).inc(len(published) + gone)
        return len(removed) + len(links) + len(visits)

    async def _send(self, producer: Any, records: Sequence[tuple[str, bytes, bytes | None]]) -> None:
        """Publish, and wait until all are acknowledged."""
        await asyncio.gather(*[await producer.send(name, value, key=key) for name, key, value in records])

    def _topic_of(self, name: str) -> str:
        return self._visits if name == topic.VISITS else self._identities

    def _tombstones(self) -> list[Row]:
        self._execute("revived", {})
        return self._rows("tombstones")

    def _visits_over(self) -> list[Row]:
        """Visits that are over: to look for them passes those that go on, so not every time."""
        if time.monotonic() < self._look_again_at:
            return []
        found = self._rows("visits")
        if len(found) < _MAX_BATCH:
            self._look_again_at = time.monotonic() + _VISITS_SECONDS
        return found

    def _rows(self, statement: str) -> list[Row]:
        connection = self._locked.get()
        if connection is None:
            return []
        with connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_SQL[statement], {"limit": _MAX_BATCH}).fetchall()

    def _execute(self, statement: str, parameters: Row) -> None:
        if connection := self._locked.get():
            connection.execute(_SQL[statement], parameters)


def _visit(row: Row) -> tuple[bytes, bytes]:
    return row["visit_id"].encode(), codec.encode(latest()["visit"], row)


def _identity(row: Row) -> tuple[bytes, bytes]:
    links = [
        {"user_key": user_key, "first_at": first_at}
        for user_key, first_at in zip(row["user_keys"], row["first_at"], strict=True)
    ]
    record = {"visitor_key": row["visitor_key"], "links": links}
    return row["visitor_key"].encode(), codec.encode(latest()["identity"], record)


def _links(rows: Sequence[Row]) -> Row:
    flat = [
        {"visitor": row["visitor_key"], "user": user_key, "version": version}
        for row in rows
        for user_key, version in zip(row["user_keys"], row["versions"], strict=True)
    ]
    return _columns(flat, visitors="visitor", users="user", versions="version")


def _columns(rows: Sequence[Row], **names: str) -> Row:
    return {parameter: [row[name] for row in rows] for parameter, name in names.items()}
