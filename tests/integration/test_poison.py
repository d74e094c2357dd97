"""Records that Avro and JSON accept and Postgres rejects: one, many, at any place of a batch."""

import asyncio
from typing import Any

import psycopg
import pytest

from avro_schemas.schema import event_schema
from avro_schemas.wire import codec
from service_kit.kafka.unreadable import UnreadableRecord
from sinks.audit import audit
from sinks.dead_letters.outbox import Outbox
from sinks.dead_letters.query import DeadLetterFilter, export
from sinks.dead_letters.record import record_headers, record_value
from sinks.landing.loop import BatchLimits, Landing
from sinks.landing.rows import Batch, decode_batch
from sinks.postgres.store import PostgresStore
from tests.support.database import at
from tests.support.events import NOON, Record, encoded, event, in_avro, user_key
from tests.support.fakes import LocalSource

pytestmark = pytest.mark.integration

POISON = {
    "NUL in JSON": ({"event_data": {"text": "a\0b"}}, "22P05"),
    "NUL in the name of a field": ({"event_data": {"a\0b": 1}}, "22P05"),
    "half a surrogate pair in JSON": (r'{"text": "\ud83d"}', "22P02"),
    "no JSON": ('{"text": }', "22P02"),
    "more than an object": ('{"text": 1}, "page": 7', "22P02"),
    "a number that no type can hold": ('{"number": 1e999999}', "22003"),
    "JSON nested too deeply": ('{"a":' * 100_000 + "1" + "}" * 100_000, "54001"),
    "not an object": ("[]", None),
    "a text that is not closed": ('{"text": "', "22P02"),
    "NUL in text": ({"page": "/a\0b"}, "22021"),
    "NUL in a column of the head": ({"release": "\0"}, "22021"),
    "NUL in the device": ({"device": {"browser": "a\0b", "system": "s", "kind": "k", "bot": None}}, None),
    "a device that no index can hold": (
        {"device": {"browser": "a" * 10_000, "system": "s", "kind": "k", "bot": None}},
        None,
    ),
}
BEARABLE = {
    "a page too long for an index": {"page": "/" + "x" * (1 << 20), "event_data": {"page": "y"}},
    "NaN in JSON": {"event_data": {"number": float("nan")}},
    "a fraction of a hundred digits": '{"number": 0.' + "3" * 100 + "}",
    "the same name twice": '{"a": 1, "a": 2}',
}
COUNT = 300


def batch(bad: dict[int, bytes], count: int = COUNT, start: int = 0) -> Batch:
    """A batch with these values at these places, good ones elsewhere."""
    values = [bad.get(place) or encoded(event("click")) for place in range(count)]
    records = [Record(start + place, NOON, None, value) for place, value in enumerate(values)]
    return decode_batch({0: records}, {0: start})


def poisoned(changes: dict[str, Any] | str, event_type: str = "click") -> bytes:
    """An event with these changes, or with this text as its properties."""
    if isinstance(changes, dict):
        return encoded(event(event_type, **changes))
    schema = event_schema(event_type)
    fields = in_avro(schema, event(event_type))
    fields["event_data"]["properties"] = changes
    return codec.encode(schema, fields)


@pytest.mark.parametrize("name", POISON)
def test_each_kind_becomes_the_only_dead_letter_with_its_reason(
    store: PostgresStore, postgres: str, name: str
) -> None:
    changes, sqlstate = POISON[name]
    value = poisoned(changes)
    written = store.write(batch({7: value}))
    assert written.rows == COUNT - 1
    with psycopg.connect(postgres, autocommit=True) as connection:
        dead_letters = connection.execute(
            "select record_offset, reason, sqlstate, record_value from dead_letters"
        ).fetchall()
        reason = "row_rejected" if sqlstate else "body_undecodable"
        assert dead_letters == [(7, reason, sqlstate, value)]
        assert audit(connection).mismatches() == []


@pytest.mark.parametrize("name", [name for name, (changes, _) in POISON.items() if isinstance(changes, str)])
def test_the_same_texts_as_properties_of_a_typed_event(store: PostgresStore, postgres: str, name: str) -> None:
    text, _sqlstate = POISON[name]
    assert isinstance(text, str)
    written = store.write(batch({7: poisoned(text, "page_view")}))
    assert (written.rows, [each.offset for each in written.dead_letters]) == (COUNT - 1, [7])
    with psycopg.connect(postgres, autocommit=True) as connection:
        # What landed can be read with its types.
        assert connection.execute("select count(*), count(properties) from page_views").fetchone() == (0, 0)


@pytest.mark.parametrize("name", BEARABLE)
def test_what_is_only_odd_lands(store: PostgresStore, name: str) -> None:
    written = store.write(batch({7: poisoned(BEARABLE[name])}))
    assert (written.rows, written.dead_letters) == (COUNT, [])


@pytest.mark.parametrize(
    "places",
    [
        pytest.param([0], id="first"),
        pytest.param([COUNT - 1], id="last"),
        pytest.param([0, COUNT // 2, COUNT - 1], id="first, middle and last"),
        pytest.param(list(range(100, 200)), id="a hundred consecutive ones"),
        pytest.param(list(range(COUNT)), id="all"),
    ],
)
def test_only_the_poison_becomes_dead_letters_wherever_it_is_in_the_batch(
    store: PostgresStore, postgres: str, places: list[int]
) -> None:
    poison = {place: encoded(event("click", event_data={"text": "\0"})) for place in places}
    written = store.write(batch(poison))
    assert written.rows == COUNT - len(places)
    assert sorted(dead_letter.offset for dead_letter in written.dead_letters) == places
    assert {dead_letter.reason for dead_letter in written.dead_letters} <= {"row_rejected"}
    with psycopg.connect(postgres, autocommit=True) as connection:
        assert audit(connection).mismatches() == []


def test_poison_among_rows_that_exist_already(store: PostgresStore, postgres: str) -> None:
    """A batch that must be both merged and halved."""
    good = encoded(event("click"))
    store.write(batch(dict.fromkeys((0,), good), count=1))
    written = store.write(batch({3: good, 5: encoded(event("click", page="\0"))}, start=1))
    assert (written.rows, written.duplicates, len(written.dead_letters)) == (COUNT - 2, 1, 1)


def test_a_check_constraint_rejects_only_the_row_that_violates_it(store: PostgresStore, postgres: str) -> None:
    """A missing partition has the same SQLSTATE, and the two must not be confused."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("alter table raw_events add constraint polite check (page <> '/rude')")
    written = store.write(batch({9: encoded(event("click", page="/rude"))}))
    assert [(dead_letter.offset, dead_letter.sqlstate) for dead_letter in written.dead_letters] == [(9, "23514")]


def test_lookup_tables_are_read_again_after_a_crash_of_postgres_lost_entries(
    store: PostgresStore, postgres: str
) -> None:
    """They are committed asynchronously, so after a crash another name may have their number."""
    store.write(batch({}, count=1))
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("truncate raw_events; truncate event_types restart identity cascade")
        connection.execute("insert into event_types (name) values ('page_view')")
        store.claim({0: 0})
        store.write(batch({}, count=1, start=1))
        assert connection.execute("select event_type from events").fetchall() == [("click",)]


async def test_several_owners_of_the_same_partitions_write_every_event_once(postgres: str) -> None:
    log = {p: [Record(n, NOON, user_key(str(n)), encoded(event("click"))) for n in range(400)] for p in range(2)}
    stopping = asyncio.Event()
    stores = [PostgresStore(at(postgres), cluster_id="c", topic="events", owner=f"owner-{n}") for n in range(3)]
    limits = BatchLimits(rows=30, max_rows=60, max_bytes=10**6, max_age_seconds=0.01)
    landings = [Landing(LocalSource(log), each, limits) for each in stores]
    stores[0].prepare()
    running = [asyncio.create_task(each.run(stopping)) for each in landings]
    with psycopg.connect(postgres, autocommit=True) as connection:
        async with asyncio.timeout(60):
            while connection.execute("select sum(next_offset) from sink_offsets").fetchone() != (800,):
                await asyncio.sleep(0.1)
        stopping.set()
        await asyncio.gather(*running)
        assert connection.execute("select count(*) from raw_events").fetchone() == (800,)
        assert audit(connection).mismatches() == []
    for each in stores:
        each.close()


def test_records_with_times_and_keys_of_others_are_dead_letters(
    store: PostgresStore, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic whose times are the producers' takes any number; a key or a header fills what a record may have."""
    value, large = encoded(event("click")), b"\xff" * 500_000
    records: list[Any] = [Record(0, NOON, None, value)]
    records += [Record(1 + n, time, large, value) for n, time in enumerate((2**62, -(2**62), -1, 2**63 - 1))]
    records.append(UnreadableRecord(5, NOON, None, None, "a name of a header is not UTF-8", (("\\xff", large),)))
    written = store.write(decode_batch({0: records}, {0: 0}))
    assert (written.rows, [each.offset for each in written.dead_letters]) == (1, [1, 2, 3, 4, 5])
    with psycopg.connect(postgres, autocommit=True) as connection:
        assert audit(connection).mismatches() == []
        exported = list(export(connection, DeadLetterFilter()))
        assert [each["appended_at"][:4] for each in exported[:4]] == ["9999", "1970", "1970", "9999"]
        outbox = Outbox(at(postgres))
        pending = outbox.pending(10)
        assert len(pending) == 5
        sizes = [len(record_value(each, NOON)) + len(str(record_headers(each))) for each in pending]
        assert max(sizes) < 100_000
        # Of large ones, only a few are in memory at once.
        monkeypatch.setattr("sinks.dead_letters.outbox._MAX_BYTES", 600_000)
        assert [each.offset for each in outbox.pending(10)] == [1, 2]
        outbox.close()
