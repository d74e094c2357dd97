"""Writes batches to Postgres: rows, dead letters, the ledger and the offsets in one transaction.

The order within the transaction: rows, their roll-up lines, dead letters, the ledger, corrections, and last the
offsets, by compare-and-swap. Of two owners of a partition only one can move its offset; the other rolls back
everything. The offsets come last, and corrections, which lock their rows too, just before them: so the rows are
locked only until the commit, and a new owner can claim them while we write.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import UUID

import psycopg

from avro_schemas.correction import DUPLICATE, ERASED
from avro_schemas.record_key import user_key_of
from service_kit.postgres import PostgresSettings
from sinks import metrics
from sinks.corrections import table as corrections
from sinks.corrections.table import JudgedTopic
from sinks.dead_letters import table as dead_letter_table
from sinks.dead_letters.table import DeadLetterRetry, TopicOfLetters
from sinks.erasure import ErasedKeys
from sinks.landing.errors import StoreMisconfigured
from sinks.landing.event_row import EventRow
from sinks.landing.judge import Judgement, Outcome, Verdict, dead_letter_outcome, judge, row_outcome
from sinks.landing.ports import CommitCheck, WriteResult, accept_all
from sinks.landing.rows import Batch, DeadLetter, LocatedRow, OffsetRange
from sinks.postgres import after_hour, preflight
from sinks.postgres.connection import ReconnectingConnection
from sinks.postgres.insert import Inserter, InsertResult
from sinks.postgres.lookups import LookupTables
from sinks.postgres.migrations import migrate
from sinks.postgres.offsets import SINK, Offsets
from sinks.postgres.sqlstates import decision_of
from sinks.retention.content import add_landed
from sinks.retention.partitions import HOUR_MS, create_partitions, day_of, days_to_create
from sinks.retention.rollups import count_by_hour
from sinks.settings import DEFAULT_MAX_PROPOSED
from sinks.sql import read_statements
from sinks.visits import queue as visit_queue

_SQL = read_statements(__name__)

log = logging.getLogger(__name__)

STATEMENT_TIMEOUT_SECONDS = 30.0
# Of a batch. The audit looks for them.
_SAMPLED_DUPLICATES = 5
_ALL_OFFSETS = 2**63


@dataclass(frozen=True, slots=True)
class _Landed:
    """What became of the records of a batch; `ranges` have the counts."""

    ranges: dict[int, OffsetRange]
    dead_letters: list[DeadLetter]
    inserted: InsertResult
    erased: list[Outcome]


class PostgresStore:
    """One thread at a time uses it; `cancel` and `abort` are for others."""

    def __init__(
        self,
        where: PostgresSettings,
        *,
        cluster_id: str,
        topic: str,
        owner: str,
        accept_new_topic: bool = False,
        statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
        max_proposed_event_types: int = DEFAULT_MAX_PROPOSED,
    ) -> None:
        self._cluster_id, self._topic = cluster_id, topic
        self._connection = ReconnectingConnection(where, statement_timeout_seconds=statement_timeout_seconds)
        self._offsets = Offsets(cluster_id, topic, owner, accept_new_topic=accept_new_topic)
        # Memories of what is in Postgres. A crash may take back what they saw, as landing commits asynchronously:
        # they are cleared with every claim.
        self._lookups = LookupTables(max_proposed_event_types)
        self._erased_keys = ErasedKeys()
        self._inserter = Inserter(self._lookups)
        # Kafka's id of the topic that is being landed.
        self._topic_id: UUID | None = None
        # The day for which partitions were last created: they are again when the day changes.
        self._partitions_created_on: date | None = None

    def prepare(self) -> None:
        """Connect, migrate, and create the partitions of the days around today."""
        with self._connection.use() as connection:
            self._look(connection)
            migrate(connection)
            self._create_partitions(connection)

    def claim(self, begins: Mapping[int, int], topic_id: UUID | None = None) -> dict[int, int]:
        """Become the owner of partitions, and return their next offsets: `begins` if nothing has landed yet.

        Raise CannotContinue if the stored offsets belong to another topic.
        """
        # A new connection for each claim: whoever takes over these partitions terminates it, and must not hit one
        # that lands other partitions by then.
        self._connection.close()
        self._lookups.clear()
        self._erased_keys.clear()
        self._topic_id = topic_id
        with self._connection.use() as connection:
            return self._offsets.claim(connection, begins, topic_id)

    def next_offsets(self, partitions: Collection[int]) -> dict[int, int]:
        """The next offset of claimed partitions, as it is stored now."""
        with self._connection.use() as connection:
            return self._offsets.next_offsets(connection, partitions)

    def leader_epochs(self, partitions: Collection[int]) -> dict[int, int]:
        """The leader epoch of the last record that landed, of claimed partitions; -1 if it is not known."""
        with self._connection.use() as connection:
            return self._offsets.leader_epochs(connection, partitions)

    def write(self, batch: Batch, check_before_commit: CommitCheck = accept_all) -> WriteResult:
        """Write a batch completely or not at all; `check_before_commit` may reject it.

        Raise Fenced (nothing was written), or another error of `sinks.landing.errors` (it may have been written).
        """
        started = time.monotonic()
        with self._connection.use() as connection:
            if self._partitions_created_on != _today():
                self._create_partitions(connection)
            self._lookups.add(connection, _events(batch))
            try:
                result = self._write(connection, batch, check_before_commit)
            except psycopg.errors.CheckViolation as error:
                if decision_of(error) != "create_partition":
                    raise
                days = {day_of(row.event_id) for row in _events(batch)}
                create_partitions(connection, sorted(days))
                result = self._write(connection, batch, check_before_commit)
        metrics.WRITE_SECONDS.observe(time.monotonic() - started)
        return result

    def replay(self, ids: Sequence[int]) -> WriteResult:
        """Try dead letters again, by their ids in the table. Those that land now are deleted from it.

        The result counts the rows, duplicates and erased records of these dead letters, and holds those that
        remain.
        """
        with self._connection.use() as connection:
            return self._replay(connection, ids)

    def cancel(self) -> None:
        """Ask Postgres to cancel the running statement. For another thread."""
        self._connection.cancel()

    def abort(self) -> None:
        """Break the connection, so that a running call fails now. For another thread."""
        self._connection.abort()

    def close(self) -> None:
        """Close the connection; what was not committed is rolled back."""
        self._connection.close()

    def _look(self, connection: psycopg.Connection) -> None:
        facts = preflight.look(connection)
        if faults := preflight.faults(facts):
            raise StoreMisconfigured(" ".join(faults))
        for warning in preflight.warnings(facts):
            log.warning("%s", warning)

    def _create_partitions(self, connection: psycopg.Connection) -> None:
        """Create those of the days around today. If this user may not, landing goes on while there are some."""
        today = _today()
        try:
            create_partitions(connection, days_to_create(today))
        except psycopg.Error as error:
            if decision_of(error) not in ("halt", "isolate", "create_partition"):
                raise
            log.warning(
                "partitions of the next days cannot be created", extra={"error": error.diag.message_primary}
            )
        self._partitions_created_on = today

    def _write(
        self, connection: psycopg.Connection, batch: Batch, check_before_commit: CommitCheck
    ) -> WriteResult:
        with connection.transaction():
            landed = self._insert(connection, batch)
            for each in landed.dead_letters:
                landed.ranges[each.partition].dead_letters += 1
            judgement = self._judge(connection, landed, self._offsets.judged_to)
            result = _result(landed, judgement)
            # Here, as only now it is known which rows Postgres rejects, and all of it can still be rolled back.
            check_before_commit(result)
            topic = dead_letter_table.TopicOfLetters(self._cluster_id, self._topic, self._topic_id)
            dead_letter_table.insert(connection, topic, landed.dead_letters)
            self._add_to_ledger(connection, landed.ranges)
            corrections.write(connection, JudgedTopic(SINK, *topic), judgement)
            self._offsets.move(connection, landed.ranges)
            committing = time.monotonic()
        metrics.COMMIT_SECONDS.observe(time.monotonic() - committing)
        return result

    def _replay(self, connection: psycopg.Connection, ids: Sequence[int]) -> WriteResult:
        connection.execute(_SQL["commit_durably"])
        with connection.transaction():
            retry = DeadLetterRetry(connection, self._topic, ids)
            batch = retry.batch()
            rows = _events(batch)
            # Within the transaction, as the dead letters are locked in it: a caller whose replay fails must not go
            # on with this store, whose lookup tables may hold numbers that were rolled back.
            self._lookups.add(connection, rows)
            create_partitions(connection, sorted({day_of(row.event_id) for row in rows}))
            landed = self._insert(connection, batch)
            # They were judged when they became dead letters.
            judgement = self._judge(connection, landed, dict.fromkeys(landed.ranges, _ALL_OFFSETS))
            by_topic = defaultdict[TopicOfLetters, list[Verdict]](list)
            for verdict in judgement.verdicts:
                of_record = retry.topic_of(verdict.outcome.partition, verdict.outcome.record.offset)
                by_topic[of_record].append(verdict)
            for partition, reads in retry.finish(landed.dead_letters):
                landed.ranges[partition].dead_letters -= reads
                # A letter that was read again after it had landed would have been a duplicate.
                landed.ranges[partition].duplicates += reads - 1
            # Empty ranges: these offsets were counted as read when they were read first.
            empty = {part: replace(covered, start=covered.next) for part, covered in landed.ranges.items()}
            self._add_to_ledger(connection, empty)
            for topic, verdicts in by_topic.items():
                corrections.write(connection, JudgedTopic(SINK, *topic), Judgement(verdicts, []))
        return _result(landed, judgement)

    def _insert(self, connection: psycopg.Connection, batch: Batch) -> "_Landed":
        """Insert rows and their roll-up lines."""
        # First, as it takes a lock: an erasure that is not in the list yet waits for our commit, and removes our
        # rows too.
        self._erased_keys.refresh(connection)
        left, erased = self._without_erased(batch)
        rows, repeats = self._lookups.fold(left.rows), self._lookups.fold(left.repeats)
        inserted, ranges = self._inserter.insert(connection, rows, repeats), left.ranges
        for partition, count in Counter(partition for partition, _record, _row in inserted.rows).items():
            ranges[partition].rows = count
        for partition, _record, _row in inserted.duplicates:
            ranges[partition].duplicates += 1
        if inserted.rows:
            self._add_deltas(connection, inserted.rows)
            ids = [row.event_id for _partition, _record, row in inserted.rows]
            add_landed(connection, ids)
            visit_queue.add_landed(connection, ids)
            after_hour.add(connection, ids, time.time_ns() // 1_000_000)
        if inserted.duplicates:
            sampled = [
                UUID(bytes=row.event_id) for _partition, _record, row in inserted.duplicates[:_SAMPLED_DUPLICATES]
            ]
            connection.execute(_SQL["sample_duplicates"], {"ids": sampled})
        return _Landed(ranges, [*left.dead_letters, *inserted.rejected], inserted, erased)

    def _without_erased(self, batch: Batch) -> tuple[Batch, list[Outcome]]:
        """The batch without those who were erased; and their outcomes."""
        # Copies, as the batch is written a second time if a partition was missing.
        left = Batch(ranges={partition: replace(covered) for partition, covered in batch.ranges.items()})
        erased = list[Outcome]()
        if not self._erased_keys:
            left.rows, left.repeats, left.dead_letters = batch.rows, batch.repeats, batch.dead_letters
            return left, erased
        for before, after in ((batch.rows, left.rows), (batch.repeats, left.repeats)):
            for located in before:
                partition, _record, row = located
                if self._erased_keys.cover(row.user_key, row.visitor_key, row.session_key, row.received_at):
                    left.ranges[partition].erased += 1
                    erased.append(row_outcome(located, ERASED))
                else:
                    after.append(located)
        for each in batch.dead_letters:
            if self._erased_keys.cover_record(user_key_of(each.key), each.timestamp):
                left.ranges[each.partition].erased += 1
                if outcome := dead_letter_outcome(each, ERASED):
                    erased.append(outcome)
            else:
                left.dead_letters.append(each)
        return left, erased

    def _judge(self, connection: psycopg.Connection, landed: _Landed, judged_to: Mapping[int, int]) -> Judgement:
        """What the stream app cannot know of these records. Of a usual batch: nothing."""
        inserted = landed.inserted
        letters = (dead_letter_outcome(each) for each in landed.dead_letters)
        without_row = [
            *landed.erased,
            *(row_outcome(located, DUPLICATE) for located in inserted.duplicates),
            *filter(None, letters),
        ]
        fresh = [row.event_id for _part, _record, row in inserted.rows if row.event_id not in inserted.uncertain]
        fresh += [each.event_id for each in without_row if each.fresh]
        counted = corrections.counted_copies(connection, fresh)
        doubtful = {each.event_id for each in without_row} | {event_id for event_id, _part in counted}
        doubtful |= inserted.uncertain
        again = any(covered.start < judged_to.get(part, 0) for part, covered in landed.ranges.items())
        if not (doubtful or again):
            return Judgement([], [])
        rows = [located for located in inserted.rows if again or located[2].event_id in doubtful]
        here = {row.event_id for _partition, _record, row in rows}
        # Not what the column says of rows of this batch: their records are judged here.
        counted |= {
            (each, part) for each, part in inserted.counted_in.items() if part is not None and each not in here
        }
        return judge([*without_row, *map(row_outcome, rows)], counted, judged_to)

    def _add_deltas(self, connection: psycopg.Connection, rows: Sequence[LocatedRow]) -> None:
        counts = count_by_hour([row for _partition, _record, row in rows])
        connection.execute(
            _SQL["add_deltas"],
            {
                "hours": [datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC) for hour, _type in counts],
                "types": [self._lookups.types[event_type] for _hour, event_type in counts],
                "events": list(counts.values()),
            },
        )

    def _add_to_ledger(self, connection: psycopg.Connection, ranges: Mapping[int, OffsetRange]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(
                _SQL["add_to_ledger"],
                [
                    {
                        "sink": SINK,
                        "topic": self._topic,
                        "part": partition,
                        "read": covered.next - covered.start,
                        # An empty range has no first offset, and must not move those of the day.
                        "first": covered.start if covered.next > covered.start else None,
                        "next": covered.next if covered.next > covered.start else None,
                        "rows": covered.rows,
                        "duplicates": covered.duplicates,
                        "dead_letters": covered.dead_letters,
                        "erased": covered.erased,
                        "empty": covered.empty,
                    }
                    for partition, covered in sorted(ranges.items())
                ],
            )


def _result(landed: _Landed, judgement: Judgement) -> WriteResult:
    return WriteResult(
        rows=sum(covered.rows for covered in landed.ranges.values()),
        duplicates=sum(covered.duplicates for covered in landed.ranges.values()),
        dead_letters=landed.dead_letters,
        erased=sum(covered.erased for covered in landed.ranges.values()),
        corrections=judgement.verdicts,
    )


def _events(batch: Batch) -> list[EventRow]:
    return [row for _partition, _record, row in (*batch.rows, *batch.repeats)]


def _today() -> date:
    return datetime.now(UTC).date()
