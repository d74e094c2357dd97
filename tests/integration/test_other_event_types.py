"""However many names senders make up, Postgres has a bounded number of event types, and every event lands."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from avro_schemas.event_types import custom_events
from sinks.audit import audit
from sinks.postgres.store import PostgresStore
from tests.support.database import at
from tests.support.days import Landed, noon
from tests.support.events import encoded, event, fresh_id

TODAY = datetime.now(UTC).date()

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    """A store that knows three names outside the catalogue."""
    made = PostgresStore(
        at(postgres), cluster_id="cluster", topic="events", owner="test", max_proposed_event_types=3
    )
    made.prepare()
    made.claim({0: 0})
    yield made
    made.close()


def by_type(connection: psycopg.Connection, source: str) -> dict[str, int]:
    return dict(connection.execute(f"select event_type, sum(events) from {source} group by 1").fetchall())


def test_names_beyond_the_bound_land_as_other_with_their_name_and_data(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    landed = Landed(store)
    landed.on(TODAY, "b", "click")
    at = noon(TODAY)
    folded = event("z_last", at, event_id=fresh_id(at), page="/a", event_data={"n": 1, "event_type": "mine"})
    landed.land([(None, encoded(fields)) for fields in (folded, *(event(f"name_{n}", at) for n in range(50)))], at)
    for event_type in custom_events():  # the catalogue always has room
        landed.on(TODAY, event_type)
    landed.on(TODAY, "b", "name_0", "name_49")
    names = {name for (name,) in connection.execute("select name from event_types")}
    assert names == {"b", "name_0", "name_1", "*"} | set(custom_events())
    rows = "(select event_type, 1 as events from events) as each_event"
    assert by_type(connection, rows) == by_type(connection, "events_hourly")
    assert by_type(connection, rows)["*"] == 50
    assert by_type(connection, rows)["b"] == 2
    stored = connection.execute(
        "select event_type, page, event_data from events where event_data ->> 'event_type' = 'z_last'"
    ).fetchall()
    assert stored == [("*", "/a", {"event_type": "z_last", "event_data": {"n": 1, "event_type": "mine"}})]
    assert audit(connection).mismatches() == []


@pytest.mark.parametrize("name", ["x" * 5_000, "two words", "*", ""])
def test_a_name_that_no_collector_accepts_lands_as_other(
    store: PostgresStore, connection: psycopg.Connection, name: str
) -> None:
    """Somebody else may write to the topic: a name as long as this fits no index."""
    at = noon(TODAY)
    Landed(store).land([(None, encoded(event(name, at))), (None, encoded(event("click", at)))], at)
    counted = "(select event_type, 1 as events from events) as each_event"
    assert by_type(connection, counted) == {"*": 1, "click": 1}


def test_restarts_and_repeated_names_use_up_no_numbers(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    """They have two bytes: a number that is lost with each restart would end landing one day."""
    landed = Landed(store)
    for _ in range(20):
        store.claim({0: 0})
        landed.on(TODAY, "click", "a", "b", "c", "d")
    (highest,) = connection.execute("select max(id) from event_types").fetchone() or ()
    connection.execute("insert into event_types (name) values ('next')")
    (following,) = connection.execute("select id from event_types where name = 'next'").fetchone() or ()
    assert (highest, following) == (5, 6)
