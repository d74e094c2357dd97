"""People and visits in Postgres equal their plain definition, however events arrive and whatever is removed."""

import asyncio
import itertools
import os
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from avro_schemas import event_ids
from avro_schemas.record_key import record_key
from avro_schemas.wire import codec
from service_kit.kafka.settings import KafkaSettings
from sinks.erasure import Scope, remove, request
from sinks.postgres.store import PostgresStore
from sinks.retention.packing import pack
from sinks.visits import queue
from sinks.visits.derive import drain, step
from sinks.visits.recount import Recount, choose_hour, recount
from sinks.visits.recount import store as store_recount
from sinks.visits.recount import stored as stored_recounts
from sinks.visits.relay import VisitRelay
from tests.support.database import at
from tests.support.days import Landed, connection, store
from tests.support.events import encoded, event, fresh_id, now_ms, user_key
from tests.support.plain_visits import Event, Visit, links_of, visits_of
from tests.support.topics import read_all

__all__ = ["connection", "store"]

# `make days` takes more of them.
SEED, HISTORIES = os.environ.get("SEED", "visits"), int(os.environ.get("HISTORIES", "20"))
GAP, DAY, NOW = timedelta(minutes=30), 86_400_000, now_ms() - 600_000
ORIGINS = [
    ("search.example", None, None, None),
    (None, "news", "mail", "spring"),
    (None, None, None, None),
    ("other.example", None, None, None),
]


def test_visits_are_those_of_their_definition(store: PostgresStore, connection: psycopg.Connection) -> None:
    choose = random.Random(SEED)
    worlds = [World(choose.random()) for _ in range(HISTORIES)]
    events = [each for world in worlds for each in world.events]
    queue.use_gap(connection, GAP)
    connection.execute("delete from visit_queue")  # there were no rows
    landed = Landed(store)
    for batch in _batches(choose, [*events, *choose.sample(events, k=len(events) // 4)]):
        landed.land([record(each) for each in batch], NOW)
        if choose.random() < 0.3:  # a crash
            with connection.transaction(force_rollback=True):
                step(connection)
        if choose.random() < 0.6:
            step(connection, max_events=choose.choice([1, 50, 1000]))
    drain(connection)
    _assert_equal(connection, events, GAP)

    _assert_what_is_wrong_is_found(connection, events)

    # Late events of packed days, and rows that have landed and are not derived yet when they are packed.
    late = [each for world in worlds for each in world.more()]
    for day in sorted({each.day for each in events}):
        if of_day := [record(each) for each in late if each.day == day]:
            landed.land(of_day, NOW)
        pack(connection, day)
    landed.land([record(each) for each in late], NOW)
    events += late
    drain(connection)
    _assert_equal(connection, events, GAP)

    # Erasures, of users with their guests and of visitors.
    for number, world in enumerate(worlds[::5]):
        scope: Scope = "visitor" if number % 3 == 0 else "user"
        key = world.browser_1 if scope == "visitor" else world.ann
        asked = datetime.now(UTC)
        guests = request(connection, key, asked, f"receipt {number}", scope)
        remove(connection, f"receipt {number}", asked)
        events = [each for each in events if not _is_erased(each, scope, key, guests)]
        _assert_equal(connection, events, GAP)

    # Another gap: everything is read again, also what is packed.
    gap = timedelta(minutes=20)
    assert queue.use_gap(connection, gap)
    while step(connection).entries:
        pass
    _assert_equal(connection, events, gap)
    assert not queue.use_gap(connection, gap)

    # The end of retention, in the middle of visits; and events that come after it.
    moment = datetime.fromtimestamp(NOW / 1000, UTC) - timedelta(days=4)
    with connection.transaction():
        queue.drop_before(connection, moment)
    landed.land([record(_event(NOW - 5 * DAY, user_key("late")))], NOW)
    drain(connection)
    _assert_equal(connection, events, gap, int(moment.timestamp() * 1000))
    assert connection.execute("select too_old from visit_progress").fetchone() == (1,)


def test_events_that_land_in_their_order_are_put_at_the_end_with_the_same_result(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    choose = random.Random(SEED)
    events = [each for _ in range(10 * HISTORIES) for each in World(choose.random(), calm=True).events]
    # Some land late, or not in the order of a step.
    delays = [0] * 50 + [60_000, 1_200_000, 2_400_000, DAY]
    arrivals = sorted((each.at + choose.choice(delays), each) for each in events)
    queue.use_gap(connection, GAP)
    connection.execute("delete from visit_queue")  # there were no rows
    landed, put, made = Landed(store), 0, 0
    for _slice, batch in itertools.groupby(arrivals, key=lambda arrival: arrival[0] // 1_200_000):
        landed.land([record(each) for _arrival, each in batch], NOW)
        done = step(connection)
        put, made = put + done.put, made + done.made
    assert put > made > 0
    _assert_equal(connection, events, GAP)


def _assert_what_is_wrong_is_found(connection: psycopg.Connection, events: Sequence[Event]) -> None:
    hours = sorted({each.at // 3_600_000 for each in events if each.browser and not each.bot})[::20]

    def recounted() -> list[Recount]:
        found = [recount(connection, datetime.fromtimestamp(hour * 3600, UTC)) for hour in hours]
        return [each for each in found if each and each.rows]

    assert len(recounted()) == len(hours)
    assert not any(each.differs for each in recounted())
    for wrong, found_as in {
        "delete from visit_parts": "misplaced",
        "update visit_parts set event_ids = event_ids[2:]": "misplaced",
        "update visit_parts set event_ids = event_ids || id_from(started_at)": "without_row",
        "delete from stored_visits": "persons",
        "update stored_visits set views = views + 1": "persons",
        "update visit_parts set person = decode(md5(person::text), 'hex')": "of_others",
        "update visit_parts set person = browser, is_user = false where not is_shared": "of_others",
        "delete from identities": "links",
    }.items():
        with connection.transaction(force_rollback=True):
            connection.execute(wrong.encode())
            found = recounted()
            assert any(getattr(each, found_as) for each in found), wrong
            assert all(each.differs for each in found) or found_as in ("of_others", "links"), wrong

    # What differed is recounted again, until it does not differ.
    with connection.transaction(force_rollback=True):
        store_recount(connection, Recount(datetime.fromtimestamp(hours[0] * 3600, UTC), 1, 1, 0, 0, 0, 0))
        now = datetime.fromtimestamp(hours[0] * 3600 + 7200, UTC)
        assert choose_hour(connection, now, random.Random()).timestamp() == hours[0] * 3600
        store_recount(connection, recounted()[0])
        assert [each.differs for each in stored_recounts(connection)] == [False]


def test_a_browser_that_sends_more_than_people_do_is_in_no_visit(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    queue.use_gap(connection, GAP)
    landed, browser = Landed(store), user_key("flood")
    day = NOW // DAY * DAY - DAY
    events = [_event(day + minute * 60_000, browser) for minute in range(-10, 24 * 60 + 10)]
    for batch in _batches(random.Random(SEED), events):
        landed.land([record(each) for each in batch], NOW)
        step(connection, max_events_per_day=1000)
    expected = visits_of(events, {}, GAP, 0, 1000)
    assert _visits(connection) == expected
    assert sum(visit.events for visit in expected) == 20
    assert connection.execute("select flooded from visit_progress").fetchone() == (24 * 60,)


async def test_topics_hold_visits_that_are_over_and_links_until_they_are_erased(
    store: PostgresStore, connection: psycopg.Connection, postgres: str, settings: KafkaSettings
) -> None:
    worlds, landed = [World(seed) for seed in range(4)], Landed(store)
    events = [each for world in worlds for each in world.events if each.at < NOW - 3_600_000]
    queue.use_gap(connection, GAP)
    landed.land([record(each) for each in events[::2]], NOW)
    drain(connection)
    await _publish(connection, postgres, settings)
    # What lands late replaces visits, and changes which were published.
    landed.land([record(each) for each in events], NOW)
    landed.land([record(_event(now_ms(), user_key("somebody who is still there")))], NOW)
    drain(connection)
    await _publish(connection, postgres, settings)
    links = links_of(events)
    assert await _newest(settings, "visits") == _records(visits_of(events, links, GAP, 0))
    assert await _newest(settings, "identities") == {
        visitor.hex(): sorted((at, user.hex()) for user, at in users.items()) for visitor, users in links.items()
    }

    for number, world in enumerate(worlds[:2]):
        asked = datetime.now(UTC)
        guests = request(connection, world.ann, asked, f"receipt {number}")
        remove(connection, f"receipt {number}", asked)
        events = [each for each in events if not _is_erased(each, "user", world.ann, guests)]
    await _publish(connection, postgres, settings)
    links = links_of(events)
    assert await _newest(settings, "visits") == _records(visits_of(events, links, GAP, 0))
    assert (await _newest(settings, "identities")).keys() == {visitor.hex() for visitor in links}
    assert connection.execute("select count(*) from visit_tombstones").fetchone() == (0,)


async def _publish(connection: psycopg.Connection, dsn: str, settings: KafkaSettings) -> None:
    stopping = asyncio.Event()
    task = asyncio.create_task(VisitRelay(settings, at(dsn)).run(stopping))
    pending = """
        select from stored_visits where not is_published and ended_at < now() - interval '30 minutes'
        union all select from identities where not is_published
        union all select from visit_tombstones
    """
    try:
        async with asyncio.timeout(60):
            while connection.execute(pending.encode()).fetchall():
                await asyncio.sleep(0.05)
    finally:
        stopping.set()
        await task


async def _newest(settings: KafkaSettings, topic: str) -> dict[str, Any]:
    """The newest record of each key, as a compacted topic has them."""
    found = {}
    for each in await read_all(settings.kafka_bootstrap, settings.name(topic)):
        value = codec.decode(each.value)[1] if each.value else None
        if value and topic == "identities":
            value = [(link["first_at"], link["user_key"]) for link in value["links"]]
        elif value:
            value = tuple(
                value[name]
                for name in (
                    *("person", "events", "started_at", "ended_at", "pages", "channel"),
                    *("entry_route", "exit_route"),
                )
            )
        found[each.key.decode()] = value
    return {key: value for key, value in found.items() if value}


def _records(visits: Sequence[Visit]) -> dict[str, Any]:
    return {
        event_ids.from_bytes(each.id): (
            each.person.hex(),
            each.events,
            each.started_at,
            each.ended_at,
            list(each.pages),
            each.channel,
            *((each.routes[0], each.routes[-1]) if each.routes else (None, None)),
        )
        for each in visits
    }


class World:
    """A few people and browsers over some days, and what they send."""

    def __init__(self, seed: float, *, calm: bool = False) -> None:
        self._random = random.Random(seed)
        names = (f"{seed} {name}" for name in ("browser 1", "browser 2", "ann", "bob", "session"))
        self.browser_1, self.browser_2, self.ann, self.bob, self.session = map(user_key, names)
        # Calm people stay where and who they are most of the time.
        self._calm = calm
        anybody = [None, None, None, self.ann, self.ann, self.bob]
        calm_users = [[None], [self.ann], [None] * 9 + [self.ann], [self.ann] * 19 + [self.bob]]
        self._users = self._random.choice(calm_users) if calm else anybody
        self._browsers = [self.browser_1] * (18 if calm else 2) + [self.browser_2, None]
        self._countries = ["DE"] * (38 if calm else 2) + ["FR", None]
        self._routes = self._random.choice([[None], ["/:id"], [None, "/:id"]])
        self._channels = [None] * (15 if calm else 3) + ["direct", "search"]
        self.events = list(self._events())

    def more(self) -> Iterator[Event]:
        """Others at the times of these."""
        for each in self._random.sample(self.events, k=len(self.events) // 5):
            yield self._event(each.at + self._random.choice([-600_000, 0, 600_000]))

    def _events(self) -> Iterator[Event]:
        """Close together or far apart, often around the gap."""
        at, pauses = NOW - 6 * DAY, [0, 1, 1000, 60_000, 1_200_000, 1_800_000, 1_800_001, 2_400_000]
        pauses += [60_000, 600_000, 600_000] if self._calm else [5 * DAY // 24]
        for _ in range(self._random.randint(1, 40)):
            at += self._random.choice(pauses)
            if at < NOW:
                yield self._event(at)

    def _event(self, at: int) -> Event:
        choose = self._random.choice
        type_ = choose(["page_view", "page_view", "click", "scroll"])
        channel = choose(self._channels) if type_ == "page_view" else None
        return _event(
            at,
            choose(self._browsers),
            id=event_ids.to_uuid(event_ids.generate(at, self._random.randbytes(event_ids.RANDOM_BYTES))).bytes,
            type=type_,
            user=choose(self._users),
            session=choose([None, self.session]),
            page=choose(["/", "/pricing"]) if type_ == "page_view" else None,
            route=choose(self._routes),
            origin=choose(ORIGINS) if channel == "search" else (None,) * 4,
            channel=channel,
            country=choose(self._countries),
            bot=self._random.random() < (0.01 if self._calm else 0.05),
        )


def _event(at: int, visitor: bytes | None, **fields: Any) -> Event:
    return Event(at, event_ids.to_uuid(fresh_id(at)).bytes, "click", visitor, None, None)._replace(**fields)


def _batches(choose: random.Random, events: Sequence[Event]) -> Iterator[list[Event]]:
    """The events in any order."""
    left = choose.sample(events, k=len(events))
    while left:
        size = choose.randint(1, len(events) // 5)
        yield left[:size]
        left = left[size:]


def record(each: Event) -> tuple[bytes | None, bytes]:
    source, utm_source, utm_medium, utm_campaign = each.origin or (None,) * 4
    fields = event(
        each.type,
        each.at,
        event_id=event_ids.from_bytes(each.id),
        user_key=each.user,
        visitor_key=each.visitor,
        session_key=each.session,
        event_data={"page": each.page} if each.page else {"element": "menu"},
        channel=each.channel,
        source=source,
        utm_source=utm_source,
        utm_medium=utm_medium,
        utm_campaign=utm_campaign,
        country=each.country,
        route=each.route,
        device={"browser": "Chrome", "system": "Linux", "kind": "desktop", "bot": "crawler" if each.bot else None},
    )
    return record_key(each.user or each.visitor or each.session), encoded(fields)


def _is_erased(each: Event, scope: Scope, key: bytes, guests: list[bytes]) -> bool:
    if scope == "visitor":
        return each.visitor == key
    return each.user == key or (not each.user and (each.visitor in guests or each.session in guests))


def _assert_equal(
    connection: psycopg.Connection, events: Sequence[Event], gap: timedelta, oldest: int = 0
) -> None:
    links = links_of(events)
    assert _visits(connection) == visits_of(events, links, gap, oldest)
    found = "select visitor_key, user_key, milliseconds_of(first_at) from identities"
    known = {each.visitor for each in events if each.at >= oldest and not each.bot}
    assert set(connection.execute(found.encode()).fetchall()) == {
        (visitor, user, at) for visitor, users in links.items() if visitor in known for user, at in users.items()
    }


def _visits(connection: psycopg.Connection) -> list[Visit]:
    found = connection.execute(
        """
        select visit_id, person, is_user, events, milliseconds_of(started_at), milliseconds_of(ended_at), views,
            interactions, pages, case when cardinality(routes) > 0 then routes else pages end,
            (context).country, coalesce((arrival).channel, 'direct'), (arrival).utm_campaign
        from stored_visits
        """
    ).fetchall()
    return sorted(
        (Visit(visit_id.bytes, *rest[:7], tuple(rest[7]), tuple(rest[8]), *rest[9:]) for visit_id, *rest in found),
        key=lambda visit: visit.id,
    )
