"""Postgres: rows, dead letters and offsets in one transaction; the only module that knows psycopg here.

The order within the transaction: rows by binary COPY, then dead letters, then the ledger, and the offsets last
under compare-and-swap: who moves an offset owns the batch, a second owner writes nothing.
"""

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import psycopg

from sinks import metrics
from sinks.dictionaries import Dictionaries
from sinks.erasure import Erasures
from sinks.errors import CannotGoOn, Fenced, StoreUnavailable
from sinks.inserting import Inserter, Located
from sinks.landing import Written
from sinks.migrations import migrate
from sinks.partition_tables import make_partitions
from sinks.partitions import HOUR_MS, day_of, hour_of, wanted
from sinks.policy import decide
from sinks.rows import Batch, DeadLetter, Kept, Span, batch_of

log = logging.getLogger(__name__)

SINK = "events"
# Those that another process tries now are passed over.
_LETTERS = (
    "select id, part, record_offset, (extract(epoch from appended_at) * 1000)::bigint, record_key, record_value"
    " from dead_letters where id = any(%s) and topic = %s order by id for update skip locked"
)
_SESSION = {
    # Landing loses nothing by it: what a crash of Postgres takes back, the offsets take back too.
    "synchronous_commit": "off",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
}


class PostgresStore:
    """One connection, made anew after every error. Use it from one thread at a time."""

    def __init__(self, dsn: str, *, cluster_id: str, topic: str, owner: str) -> None:
        self._dsn, self._cluster_id, self._topic, self._owner = dsn, cluster_id, topic, owner
        self._connection: psycopg.Connection | None = None
        self._dictionaries = Dictionaries()
        self._inserter = Inserter(self._dictionaries)
        self._erasures = Erasures()
        self._partitions_of: date | None = None

    def prepare(self) -> None:
        """Connect, migrate, and make the partitions of the days around today."""
        with self._translated() as connection:
            migrate(connection)
            make_partitions(connection, wanted(_today()))
            self._partitions_of = _today()

    def offsets(self, begins: Mapping[int, int]) -> dict[int, int]:
        """Where each partition goes on; `begins` for those that never landed anything."""
        with self._translated() as connection:
            for partition, begin in begins.items():
                connection.execute(
                    "insert into sink_offsets (sink, cluster_id, topic, part, first_offset, next_offset, owner)"
                    " values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
                    [SINK, self._cluster_id, self._topic, partition, begin, begin, self._owner],
                )
            found = connection.execute(
                "select part, next_offset from sink_offsets"
                " where sink = %s and cluster_id = %s and topic = %s and part = any(%s)",
                [SINK, self._cluster_id, self._topic, list(begins)],
            ).fetchall()
            others = connection.execute(
                "select distinct cluster_id from sink_offsets where sink = %s and topic = %s and cluster_id <> %s",
                [SINK, self._topic, self._cluster_id],
            ).fetchall()
        if others:
            log.warning("this database also holds offsets of other Kafka clusters: %s", others)
        return dict(found)

    def write(self, batch: Batch) -> Written:
        """Write a batch whole or not at all. Raise Fenced or StoreUnavailable; then nothing was written."""
        started = time.monotonic()
        with self._translated() as connection:
            if self._partitions_of != _today():
                make_partitions(connection, wanted(_today()))
                self._partitions_of = _today()
            self._dictionaries.add(connection, [row for _partition, _record, row in batch.rows])
            try:
                written = self._write(connection, batch)
            except psycopg.errors.CheckViolation:
                # No partition for a row's day: make it and write again.
                days = {day_of(row.event_id) for _partition, _record, row in batch.rows}
                make_partitions(connection, sorted(days))
                written = self._write(connection, batch)
        metrics.WRITE_SECONDS.observe(time.monotonic() - started)
        return written

    def replay(self, ids: Sequence[int]) -> Written:
        """Try dead letters again, by their ids in the table; those that land now are no letters any more.

        What it counts are rows, duplicates and erased ones of these letters, and the letters that stay dead.
        """
        with self._translated() as connection:
            return self._replay(connection, ids)

    def close(self) -> None:
        """Drop the connection; what was not committed is rolled back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[psycopg.Connection]:
        """The connection; Postgres's errors become decisions, and cost the connection."""
        try:
            yield self._connected()
        except Fenced:
            raise
        except psycopg.Error as error:
            self.close()
            if decide(error.sqlstate) == "halt":
                raise CannotGoOn(f"Postgres refuses to take events: {error}") from error
            raise StoreUnavailable(str(error)) from error

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
            self._connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=5,
                options=options,
                application_name="footfall-sinks",
            )
        return self._connection

    def _write(self, connection: psycopg.Connection, batch: Batch) -> Written:
        with connection.transaction():
            spans, letters = self._land(connection, batch)
            for letter in letters:
                spans[letter.partition].dead_letters += 1
            self._write_dead_letters(connection, letters)
            self._write_ledger(connection, spans)
            self._move_offsets(connection, spans)
        return _written(spans, letters)

    def _replay(self, connection: psycopg.Connection, ids: Sequence[int]) -> Written:
        with connection.transaction():
            kept = connection.execute(_LETTERS, [list(ids), self._topic]).fetchall()
            batch = batch_of((part, Kept(offset, at, key, value)) for _id, part, offset, at, key, value in kept)
            rows = [row for _partition, _record, row in batch.rows]
            self._dictionaries.add(connection, rows)
            make_partitions(connection, sorted({day_of(row.event_id) for row in rows}))
            spans, letters = self._land(connection, batch)
            still_dead = {(letter.partition, letter.offset) for letter in letters}
            solved = [(number, part) for number, part, offset, *_ in kept if (part, offset) not in still_dead]
            for _number, part in solved:
                spans[part].dead_letters -= 1
            connection.execute(
                "delete from dead_letters where id = any(%s)", [[number for number, _part in solved]]
            )
            self._write_ledger(connection, spans)
        return _written(spans, letters)

    def _land(self, connection: psycopg.Connection, batch: Batch) -> tuple[dict[int, Span], list[DeadLetter]]:
        """Insert rows and what they add to the roll-ups; the spans with their counts, and what is left dead."""
        self._erasures.refresh(connection)
        rows, letters, spans = self._without_erased(batch)
        inserted = self._inserter.insert(connection, rows)
        for partition, count in Counter(partition for partition, _record, _row in inserted.rows).items():
            spans[partition].rows = count
        for partition in inserted.duplicates:
            spans[partition].duplicates += 1
        self._write_deltas(connection, inserted.rows)
        return spans, [*letters, *inserted.refused]

    def _without_erased(self, batch: Batch) -> tuple[list[Located], list[DeadLetter], dict[int, Span]]:
        """Rows and dead letters of users who are not to be forgotten; and the spans, with the others counted."""
        spans = {partition: replace(span) for partition, span in batch.spans.items()}
        if not self._erasures:
            return batch.rows, batch.dead_letters, spans
        rows, letters = list[Located](), list[DeadLetter]()
        for located in batch.rows:
            partition, _record, row = located
            if self._erasures.covers(row.user_key, row.received_at):
                spans[partition].erased += 1
            else:
                rows.append(located)
        for letter in batch.dead_letters:
            if self._erasures.covers(letter.key, letter.timestamp):
                spans[letter.partition].erased += 1
            else:
                letters.append(letter)
        return rows, letters, spans

    def _write_deltas(self, connection: psycopg.Connection, rows: Sequence[Located]) -> None:
        """What the rows add to the roll-ups: appended, as a line for all would be waited for by each process."""
        counts = Counter((hour_of(row.event_id), row.event_type) for _partition, _record, row in rows)
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into hourly_deltas (hour, event_type, events) values (%s, %s, %s)",
                [
                    (_moment(hour * HOUR_MS), self._dictionaries.types[name], count)
                    for (hour, name), count in counts.items()
                ],
            )

    def _write_dead_letters(self, connection: psycopg.Connection, letters: Sequence[DeadLetter]) -> None:
        if not letters:
            return
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into dead_letters (cluster_id, topic, part, record_offset, reason, detail,"
                " record_key, record_value, appended_at)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
                [
                    (
                        *(self._cluster_id, self._topic, letter.partition, letter.offset, letter.reason),
                        letter.detail.replace("\0", ""),
                        *(letter.key, letter.value, _moment(letter.timestamp)),
                    )
                    for letter in letters
                ],
            )

    def _write_ledger(self, connection: psycopg.Connection, spans: Mapping[int, Span]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into landed (sink, topic, part, day, rows, duplicates, dead_letters, erased)"
                " values (%s, %s, %s, current_date, %s, %s, %s, %s)"
                " on conflict (sink, topic, part, day) do update set rows = landed.rows + excluded.rows,"
                " duplicates = landed.duplicates + excluded.duplicates,"
                " dead_letters = landed.dead_letters + excluded.dead_letters,"
                " erased = landed.erased + excluded.erased",
                [
                    (SINK, self._topic, partition, span.rows, span.duplicates, span.dead_letters, span.erased)
                    for partition, span in sorted(spans.items())
                ],
            )

    def _move_offsets(self, connection: psycopg.Connection, spans: Mapping[int, Span]) -> None:
        # In one order in every process, so that two never wait for each other.
        fenced = []
        for partition, span in sorted(spans.items()):
            moved = connection.execute(
                "update sink_offsets set next_offset = %s, owner = %s, updated_at = now()"
                " where sink = %s and cluster_id = %s and topic = %s and part = %s and next_offset = %s",
                [span.next, self._owner, SINK, self._cluster_id, self._topic, partition, span.start],
            )
            if moved.rowcount == 0:
                fenced.append(partition)
        if fenced:
            raise Fenced(fenced)


def _written(spans: Mapping[int, Span], letters: Sequence[DeadLetter]) -> Written:
    return Written(
        rows=sum(span.rows for span in spans.values()),
        duplicates=sum(span.duplicates for span in spans.values()),
        dead_letters=letters,
        erased=sum(span.erased for span in spans.values()),
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _today() -> date:
    return datetime.now(UTC).date()
