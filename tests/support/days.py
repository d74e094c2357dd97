"""Lands events of any day, as if from Kafka, for tests of what happens to rows later."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime

import psycopg
import pytest

from avro_schemas.record_key import record_key
from sinks.landing.ports import WriteResult
from sinks.landing.rows import decode_batch
from sinks.postgres.store import PostgresStore
from tests.support.database import at
from tests.support.events import Record, encoded, event, fresh_id

DAY_MS = 86_400_000


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    """A store with a database of its own, whose partition 0 starts at offset 0."""
    made = PostgresStore(at(postgres), cluster_id="cluster", topic="events", owner="test")
    made.prepare()
    made.claim({0: 0})
    yield made
    made.close()


@pytest.fixture
def connection(store: PostgresStore, postgres: str) -> Iterator[psycopg.Connection]:
    """A connection to the store's database."""
    with psycopg.connect(postgres, autocommit=True) as made:
        yield made


def noon(day: date) -> int:
    """Noon of a day, in milliseconds since 1970."""
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1000)


class Landed:
    """Lands events of any day, and counts them by type."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self._next = store.claim({0: 0})[0]
        self.by_type: Counter[str] = Counter()
        self.values: list[tuple[bytes | None, bytes]] = []

    def on(self, day: date, *types: str, user: bytes | None = None) -> WriteResult:
        """Land an event of each of these types at noon of a day."""
        at = noon(day)
        made = [event(name, at, event_id=fresh_id(at), user_key=user) for name in types]
        return self.land([(record_key(user), encoded(fields)) for fields in made], at)

    def land(self, values: list[tuple[bytes | None, bytes]], at: int) -> WriteResult:
        """Land records with these keys and values, appended at this time."""
        records = [Record(self._next + n, at, key, value) for n, (key, value) in enumerate(values)]
        batch = decode_batch({0: records}, {0: self._next})
        types = {row.event_id: row.event_type for _partition, _record, row in batch.rows}
        written = self._store.write(batch)
        self._next += len(records)
        self.values += values
        if written.rows == len(types):
            self.by_type.update(types.values())
        return written

    def again(self, at: int) -> WriteResult:
        """Land everything a second time, like a replay of the topic."""
        return self.land(list(self.values), at)
