"""Postgres: rows, dead letters and offsets in one transaction; the only module that knows psycopg here.

The order within the transaction: rows by binary COPY, then dead letters, then the ledger, and the offsets last
under compare-and-swap: who moves an offset owns the batch, a second owner writes nothing.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import psycopg

from sinks import metrics
from sinks.dead_letters import table as dead_letters
from sinks.dead_letters.table import DeadLetterRetry
from sinks.erasure import ErasedUsers
from sinks.landing.ports import Admit, Written, admit_all
from sinks.landing.rows import Batch, DeadLetter, Span
from sinks.postgres.connection import Session
from sinks.postgres.insert import Inserter, Located, without_packed
from sinks.postgres.lookups import Dictionaries
from sinks.postgres.migrations import migrate
from sinks.postgres.offsets import SINK, Offsets
from sinks.postgres.sqlstates import decision_of
from sinks.retention.partitions import HOUR_MS, create_partitions, day_of, days_to_create, hour_of

STATEMENT_SECONDS = 30.0


class PostgresStore:
    """Use it from one thread at a time; `cancel` and `cut` are for others."""

    def __init__(
        self,
        dsn: str,
        *,
        cluster_id: str,
        topic: str,
        owner: str,
        accept_new_topic: bool = False,
        statement_timeout_seconds: float = STATEMENT_SECONDS,
    ) -> None:
        self._cluster_id, self._topic = cluster_id, topic
        self._session = Session(dsn, statement_timeout_seconds=statement_timeout_seconds)
        self._offsets = Offsets(cluster_id, topic, owner, accept_new_topic=accept_new_topic)
        self._dictionaries = Dictionaries()
        self._inserter = Inserter(self._dictionaries)
        self._erased_users = ErasedUsers()
        self._partitions_of: date | None = None

    def prepare(self) -> None:
        """Connect, migrate, and make the partitions of the days around today."""
        with self._session.use() as connection:
            migrate(connection)
            create_partitions(connection, days_to_create(_today()))
            self._partitions_of = _today()

    def offsets(self, begins: Mapping[int, int], topic_id: UUID | None = None) -> dict[int, int]:
        """Where each partition goes on; `begins` for those that never landed anything. Raise CannotGoOn."""
        # A connection of its own for each assignment: who still uses an older one is none of us.
        self._session.close()
        # A crash of Postgres may have taken back what was known of it.
        self._dictionaries.forget()
        self._erased_users.clear()
        with self._session.use() as connection:
            return self._offsets.claim(connection, begins, topic_id)

    def write(self, batch: Batch, admit: Admit = admit_all) -> Written:
        """Write a batch whole or not at all; `admit` may refuse it.

        Raise Fenced (nothing was written), or an error of `sinks.landing.errors` (it may have been).
        """
        started = time.monotonic()
        with self._session.use() as connection:
            if self._partitions_of != _today():
                create_partitions(connection, days_to_create(_today()))
                self._partitions_of = _today()
            self._dictionaries.add(connection, [row for _partition, _record, row in batch.rows])
            try:
                written = self._write(connection, batch, admit)
            except psycopg.errors.CheckViolation as error:
                if decision_of(error) != "create":
                    raise
                days = {day_of(row.event_id) for _partition, _record, row in batch.rows}
                create_partitions(connection, sorted(days))
                written = self._write(connection, batch, admit)
        metrics.WRITE_SECONDS.observe(time.monotonic() - started)
        return written

    def replay(self, ids: Sequence[int]) -> Written:
        """Try dead letters again, by their ids in the table; those that land now are no letters any more.

        What it counts are rows, duplicates and erased ones of these letters, and the letters that stay dead.
        """
        with self._session.use() as connection:
            return self._replay(connection, ids)

    def cancel(self) -> None:
        """Ask Postgres to end what it is writing for us, from another thread."""
        self._session.cancel()

    def cut(self) -> None:
        """End the connection under what it is writing, from another thread."""
        self._session.cut()

    def close(self) -> None:
        """Drop the connection; what was not committed is rolled back."""
        self._session.close()

    def _write(self, connection: psycopg.Connection, batch: Batch, admit: Admit) -> Written:
        with connection.transaction():
            spans, letters = self._land(connection, batch)
            for letter in letters:
                spans[letter.partition].dead_letters += 1
            written = _written(spans, letters)
            admit(written)
            dead_letters.insert(connection, self._cluster_id, self._topic, letters)
            self._write_ledger(connection, spans)
            self._offsets.move(connection, spans)
            committing = time.monotonic()
        metrics.COMMIT_SECONDS.observe(time.monotonic() - committing)
        return written

    def _replay(self, connection: psycopg.Connection, ids: Sequence[int]) -> Written:
        # Somebody is told that it is done, so it is on the disk before.
        connection.execute("set synchronous_commit = on")
        with connection.transaction():
            retry = DeadLetterRetry(connection, self._topic, ids)
            batch = retry.batch()
            rows = [row for _partition, _record, row in batch.rows]
            self._dictionaries.add(connection, rows)
            create_partitions(connection, sorted({day_of(row.event_id) for row in rows}))
            spans, letters = self._land(connection, batch)
            for partition in retry.finish(letters):
                spans[partition].dead_letters -= 1
            # Their offsets were read long ago.
            self._write_ledger(connection, {part: replace(span, start=span.next) for part, span in spans.items()})
        return _written(spans, letters)

    def _land(self, connection: psycopg.Connection, batch: Batch) -> tuple[dict[int, Span], list[DeadLetter]]:
        """Insert rows and what they add to the roll-ups; the spans with their counts, and what is left dead."""
        self._erased_users.refresh(connection)
        rows, letters, spans = self._without_erased(batch)
        inserted = without_packed(connection, self._inserter.insert(connection, rows))
        for partition, count in Counter(partition for partition, _record, _row in inserted.rows).items():
            spans[partition].rows = count
        for partition in inserted.duplicates:
            spans[partition].duplicates += 1
        self._write_deltas(connection, inserted.rows)
        return spans, [*letters, *inserted.refused]

    def _without_erased(self, batch: Batch) -> tuple[list[Located], list[DeadLetter], dict[int, Span]]:
        """Rows and dead letters of users who are not to be forgotten; and the spans, with the others counted."""
        spans = {partition: replace(span) for partition, span in batch.spans.items()}
        if not self._erased_users:
            return batch.rows, batch.dead_letters, spans
        rows, letters = list[Located](), list[DeadLetter]()
        for located in batch.rows:
            partition, _record, row = located
            if self._erased_users.covers(row.user_key, row.received_at):
                spans[partition].erased += 1
            else:
                rows.append(located)
        for letter in batch.dead_letters:
            if self._erased_users.covers(letter.key, letter.timestamp):
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

    def _write_ledger(self, connection: psycopg.Connection, spans: Mapping[int, Span]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into landed (sink, topic, part, day, read, first_offset, next_offset,"
                " rows, duplicates, dead_letters, erased)"
                " values (%s, %s, %s, current_date, %s, %s, %s, %s, %s, %s, %s)"
                " on conflict (sink, topic, part, day) do update set read = landed.read + excluded.read,"
                " first_offset = least(landed.first_offset, excluded.first_offset),"
                " next_offset = greatest(landed.next_offset, excluded.next_offset),"
                " rows = landed.rows + excluded.rows,"
                " duplicates = landed.duplicates + excluded.duplicates,"
                " dead_letters = landed.dead_letters + excluded.dead_letters,"
                " erased = landed.erased + excluded.erased",
                [
                    (
                        *(SINK, self._topic, partition, *_offsets_read(span)),
                        *(span.rows, span.duplicates, span.dead_letters, span.erased),
                    )
                    for partition, span in sorted(spans.items())
                ],
            )


def _offsets_read(span: Span) -> tuple[int, int | None, int | None]:
    """How many offsets were read, the first of them, and the one after the last."""
    read = span.next - span.start
    return (read, span.start, span.next) if read else (0, None, None)


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
