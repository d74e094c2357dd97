"""The outbox: corrections in Postgres that are not in the topic `corrections` yet."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from avro_schemas import event_ids
from avro_schemas.correction import Correction
from service_kit.postgres import PostgresSettings
from sinks.relay import LockedConnection
from sinks.sql import read_statements

# Of the corrections that are in memory at once.
_MAX_ROWS, _MAX_BYTES = 2_000, 8 * 1024 * 1024
_SQL = read_statements(__name__)


class Pending(NamedTuple):
    """A correction, and the partition that it belongs to."""

    partition: int
    correction: Correction


class Outbox:
    """Only the process that holds the lock sees pending corrections of a topic. Its methods block."""

    def __init__(self, where: PostgresSettings, cluster_id: str, topic: str) -> None:
        self._topic = {"cluster_id": cluster_id, "topic": topic}
        self._locked = LockedConnection(where, f"footfall relay of corrections, {cluster_id} {topic}")
        self.close = self._locked.close

    def pending(self) -> list[Pending]:
        """The oldest pending corrections, in order; none if another process publishes them.

        They are on disk in Postgres: those of a commit that a crash could still take back must not be published.
        """
        connection = self._locked.get()
        if connection is None:
            return []
        bounds = {**self._topic, "limit": _MAX_ROWS, "max_bytes": _MAX_BYTES}
        # The lock of the rows makes this a write, whose commit waits for the disk.
        found = connection.execute(_SQL["pending"], bounds).fetchall()
        return sorted((_pending(*columns) for columns in found), key=lambda each: each.correction.number)

    def delete(self, published: Mapping[int, Sequence[Correction]]) -> None:
        """Remove those that are published, by partition."""
        if connection := self._locked.get():
            found = [(each.number, part) for part, corrections in published.items() for each in corrections]
            numbers, parts = zip(*found, strict=True)
            connection.execute(_SQL["delete"], {**self._topic, "numbers": list(numbers), "parts": list(parts)})

    def lag_seconds(self) -> float:
        """Age of the oldest pending correction; 0 if there is none, and in processes that do not publish."""
        connection = self._locked.get()
        if connection is None:
            return 0.0
        (number,) = connection.execute(_SQL["oldest"], self._topic).fetchone() or (None,)
        return 0.0 if number is None else max(0.0, time.time() - number / 1e6)


def by_partition(pending: Iterable[Pending]) -> Mapping[int, Sequence[Correction]]:
    """The corrections of each partition, in order."""
    found: dict[int, list[Correction]] = {}
    for partition, correction in pending:
        found.setdefault(partition, []).append(correction)
    return found


def _pending(
    partition: int,
    number: int,
    topic_id: UUID | None,
    offset: int,
    event_id: UUID,
    is_row: bool,
    reason: str,
    again: bool,
    appended_at: int,
    key: bytes | None,
    event: bytes,
) -> Pending:
    return Pending(
        partition,
        Correction(
            number=number,
            topic_id=str(topic_id or ""),
            event_offset=offset,
            event_id=event_ids.from_bytes(event_id.bytes),
            is_row=is_row,
            reason=reason,
            again=again,
            appended_at=appended_at,
            key=key,
            event=event,
        ),
    )
