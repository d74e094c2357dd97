"""The judge of repeats with a real Postgres and a real broker: what is reported to the stream app, once and in order."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from avro_schemas.correction import Correction, decode_correction
from avro_schemas.record_key import record_key
from service_kit.kafka.settings import KafkaSettings
from service_kit.retention import RetentionSettings
from sinks import erasure
from sinks.audit import audit
from sinks.corrections.outbox import Outbox
from sinks.corrections.relay import CorrectionRelay
from sinks.landing.ports import WriteResult
from sinks.landing.rows import decode_batch
from sinks.postgres import rewind
from sinks.postgres.store import PostgresStore
from sinks.retention.maintenance import maintain
from tests.support.database import at
from tests.support.events import Record, encoded, event, now_ms, user_key
from tests.support.topics import read_all

pytestmark = pytest.mark.integration

MINUTE = 60_000
RETENTION = RetentionSettings(retention_days=90, pack_after_days=90)
ANN, BOB = user_key("ann"), user_key("bob")


class Log:
    """Two partitions that land in batches."""

    def __init__(self, dsn: str, topic: str) -> None:
        self.store = PostgresStore(at(dsn), cluster_id="c", topic=topic, owner="test")
        self.store.prepare()
        self.next = self.store.claim({0: 0, 1: 0})
        self.records: dict[int, list[Record]] = {0: [], 1: []}

    def land(self, *copies: tuple[int, dict[str, Any]], age: int = 0) -> WriteResult:
        """Land these events, each in its partition, as if Kafka had appended them `age` minutes after their time."""
        fetched: dict[int, list[Record]] = {}
        for partition, fields in copies:
            appended = fields["received_at"] + age * MINUTE
            offset = len(self.records[partition])
            record = Record(offset, appended, record_key(fields["user_key"]), encoded(fields))
            self.records[partition].append(record)
            fetched.setdefault(partition, []).append(record)
        result = self.store.write(decode_batch(fetched, self.next))
        self.next |= {partition: len(self.records[partition]) for partition in fetched}
        return result

    def land_again(self) -> WriteResult:
        """Land all records again, after the offsets were moved back."""
        starts = self.store.claim({0: 0, 1: 0})
        assert starts == {0: 0, 1: 0}
        return self.store.write(decode_batch(self.records, starts))


@pytest.fixture
def log(postgres: str, settings: KafkaSettings) -> Iterator[Log]:
    made = Log(postgres, settings.name("events"))
    yield made
    made.store.close()


def corrections(result: WriteResult) -> list[tuple[int, int, str, bool]]:
    """Partition, offset, reason (none: a row), and whether it was judged before."""
    return [
        (verdict.outcome.partition, verdict.outcome.record.offset, verdict.outcome.reason, verdict.again)
        for verdict in result.corrections
    ]


def of_ann(now: int, **changes: Any) -> dict[str, Any]:
    return event("click", now, **{"user_key": ANN, "visitor_key": user_key("browser"), **changes})


async def published(settings: KafkaSettings, dsn: str) -> dict[int, list[Correction]]:
    """All corrections in the topic, by partition, once nothing is pending."""
    stopping = asyncio.Event()
    relay = CorrectionRelay(settings, Outbox(at(dsn), "c", settings.name("events")))
    task = asyncio.create_task(relay.run(stopping))
    try:
        async with asyncio.timeout(30):
            while query(dsn, "select count(*) from pending_corrections") != [(0,)]:
                await asyncio.sleep(0.05)
    finally:
        stopping.set()
        await task
    found: dict[int, list[Correction]] = {}
    for record in await read_all(settings.kafka_bootstrap, settings.name("corrections")):
        found.setdefault(record.partition, []).append(decode_correction(record.key, record.value))
    return found


def query(dsn: str, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(text.encode()).fetchall()


def test_usual_records_and_their_repeats_in_one_partition_are_not_corrected(log: Log) -> None:
    now = now_ms()
    one, other = of_ann(now), of_ann(now)
    result = log.land((0, one), (1, other), (0, one))
    assert (result.rows, result.duplicates, corrections(result)) == (2, 1, [])
    result = log.land((0, one), (1, other), age=4)
    assert (result.rows, result.duplicates, corrections(result)) == (0, 2, [])


def test_a_fresh_copy_in_another_partition_is_corrected_once(log: Log) -> None:
    now = now_ms()
    guest = event("click", now, visitor_key=user_key("browser"))
    signed_in = guest | {"user_key": ANN}
    assert corrections(log.land((0, guest))) == []
    assert corrections(log.land((1, signed_in), (0, guest))) == [(1, 0, "duplicate", False)]
    # The next one in that partition is a duplicate there, as the stream app knows.
    assert corrections(log.land((1, signed_in), (0, signed_in))) == []
    # In one batch, too.
    guest, signed_in = guest | {"event_id": of_ann(now)["event_id"]}, {}
    signed_in = guest | {"user_key": BOB}
    assert corrections(log.land((0, guest), (1, signed_in), (1, signed_in))) == [(1, 2, "duplicate", False)]


def test_uncertain_records_are_always_judged(log: Log, postgres: str) -> None:
    now = now_ms()
    late, fresh, ahead = of_ann(now), of_ann(now), of_ann(now + 2 * MINUTE)
    assert corrections(log.land((0, late), age=5)) == [(0, 0, "", False)]
    assert corrections(log.land((0, fresh))) == []
    result = log.land((0, fresh), (1, late), (1, of_ann(now)), age=5)
    assert corrections(result) == [(0, 2, "duplicate", False), (1, 0, "duplicate", False), (1, 1, "", False)]
    # An id of the future is uncertain, and its copy is counted once it is fresh.
    ahead["received_at"] = now
    assert corrections(log.land((0, ahead))) == [(0, 3, "", False)]
    ahead["received_at"] = now + MINUTE
    assert corrections(log.land((0, ahead), (0, ahead))) == [(0, 4, "duplicate", False)]
    assert query(postgres, "select count(*), count(counted_in) from raw_events") == [(4, 1)]


async def test_an_id_of_two_senders_is_a_dead_letter_that_lands_when_the_first_is_erased(
    log: Log, postgres: str, settings: KafkaSettings
) -> None:
    now = now_ms()
    ann = of_ann(now, visitor_key=None)
    bob, other_content = ann | {"user_key": BOB}, ann | {"event_data": {"element": "logo"}}
    first = log.land((0, ann), (0, bob))
    assert [letter.reason for letter in first.dead_letters] == ["event_id_conflict"]
    # The stream app took it for a duplicate, as it does not know who sent the first.
    assert corrections(first) == []
    second = log.land((1, other_content), (1, bob))
    assert [letter.offset for letter in second.dead_letters] == [0, 1]
    assert corrections(second) == [(1, 0, "event_id_conflict", False)]
    ids = [each for (each,) in query(postgres, "select id from dead_letters order by id")]
    result = await asyncio.to_thread(log.store.replay, ids)
    assert (result.rows, len(result.dead_letters), corrections(result)) == (0, 3, [])
    with psycopg.connect(postgres, autocommit=True) as connection:
        erasure.request(connection, ANN, datetime.now(UTC), "receipt")
        erasure.remove(connection, "receipt", datetime.now(UTC))
        result = await asyncio.to_thread(log.store.replay, ids)
        assert (result.rows, result.duplicates, result.erased) == (1, 1, 0)
        assert corrections(result) == [(0, 1, "", True)]
        assert audit(connection).mismatches() == []
    found = await published(settings, postgres)
    assert [(each.event_offset, each.is_row, each.reason, each.again) for each in found[0]] == [
        (1, True, "", True)
    ]
    assert [each.reason for each in found[1]] == ["event_id_conflict"]


def test_what_was_rejected_or_erased_is_corrected_and_leaves_its_id_to_others(log: Log, postgres: str) -> None:
    now = now_ms()
    with psycopg.connect(postgres, autocommit=True) as connection:
        erasure.request(connection, BOB, datetime.now(UTC), "receipt")
    poison = of_ann(now, event_data={"text": "a\0b"})
    of_bob = of_ann(now - 1000, user_key=BOB, visitor_key=None)
    result = log.land((0, poison), (0, of_bob), (1, of_bob | {"user_key": ANN}), (0, poison | {"event_data": {}}))
    assert (result.rows, result.erased) == (2, 1)
    # The third one was in the window of the stream app since the first, which was taken back.
    assert corrections(result) == [(0, 0, "row_rejected", False), (0, 1, "erased", False), (0, 2, "", False)]
    copies = "select count(*) from counted_copies"
    assert query(postgres, copies) == [(2,)]
    with psycopg.connect(postgres, autocommit=True) as connection:
        assert audit(connection).mismatches() == []
        for days, left in ((8, 2), (10, 0)):
            list(maintain(connection, today=datetime.now(UTC).date() + timedelta(days=days), retention=RETENTION))
            assert query(postgres, copies) == [(left,)]


async def test_corrections_are_published_once_and_in_order_and_a_replay_of_the_topic_makes_none(
    log: Log, postgres: str, settings: KafkaSettings
) -> None:
    now = now_ms()
    events = [of_ann(now) for _ in range(300)]
    log.land(*((number % 2, each) for number, each in enumerate(events)), age=5)
    log.land(*((0, each) for each in events[:50]), age=30)
    found = await published(settings, postgres)
    assert [len(found[partition]) for partition in (0, 1)] == [200, 150]
    for partition, of_one in found.items():
        numbers = [each.number for each in of_one]
        assert numbers == sorted(set(numbers))
        assert [each.event_offset for each in of_one] == list(range(len(of_one)))
        for each in of_one:
            record = log.records[partition][each.event_offset]
            assert (each.key, each.event, each.appended_at) == (record.key, record.value, record.timestamp)
    assert [each.is_row for each in found[0]] == [True] * 150 + [False] * 50
    with psycopg.connect(postgres, autocommit=True) as connection:
        rewind.go(
            connection, settings.name("events"), rewind.plan(connection, settings.name("events"), {0: 0, 1: 0})
        )
    again = await asyncio.to_thread(log.land_again)
    assert (again.rows, again.duplicates, corrections(again)) == (0, 350, [])
    later = log.land((0, of_ann(now)), age=5)
    assert corrections(later) == [(0, 200, "", False)]
    numbers = [each.number for each in (await published(settings, postgres))[0]]
    assert numbers == sorted(set(numbers))
