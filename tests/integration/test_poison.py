"""Records that Avro and JSON accept and Postgres rejects: one, many, at any place of a batch."""

import asyncio

import psycopg
import pytest

from sinks.audit import audit
from sinks.landing.loop import BatchLimits, Landing
from sinks.landing.rows import Batch, decode_batch
from sinks.postgres.store import PostgresStore
from tests.support.events import NOON, Record, encoded, event, user_key
from tests.support.fakes import LocalSource

pytestmark = pytest.mark.integration

POISON = {
    "NUL in JSON": ({"event_data": {"text": "a\0b"}}, "22P05"),
    "NUL in text": ({"page": "/a\0b"}, "22021"),
    "a page too long for a row": ({"page": "/" + "x" * (1 << 20), "event_data": {"page": "y"}}, None),
    "NaN in JSON": ({"event_data": {"number": float("nan")}}, None),
}
COUNT = 300


def batch(bad: dict[int, bytes], count: int = COUNT, start: int = 0) -> Batch:
    """A batch with these values at these places, good ones elsewhere."""
    values = [bad.get(place) or encoded(event("click")) for place in range(count)]
    records = [Record(start + place, NOON, None, value) for place, value in enumerate(values)]
    return decode_batch({0: records}, {0: start})


@pytest.mark.parametrize("name", POISON)
def test_each_kind_lands_or_becomes_the_only_dead_letter_with_its_sqlstate(
    store: PostgresStore, postgres: str, name: str
) -> None:
    changes, sqlstate = POISON[name]
    value = encoded(event("click", **changes))
    written = store.write(batch({7: value}))
    with psycopg.connect(postgres, autocommit=True) as connection:
        dead_letters = connection.execute(
            "select record_offset, sqlstate, record_value from dead_letters"
        ).fetchall()
        assert dead_letters == ([(7, sqlstate, value)] if sqlstate else [])
        assert written.rows == COUNT - len(dead_letters)
        assert audit(connection).mismatches() == []


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
    stores = [PostgresStore(postgres, cluster_id="c", topic="events", owner=f"owner-{n}") for n in range(3)]
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
