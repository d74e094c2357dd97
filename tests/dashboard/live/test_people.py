"""The live page counts people and visits as their definition does, whatever partitions their events are in."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.live_aggregates import MINUTE_MS
from avro_schemas.people_now import (
    MAX_ARRIVALS,
    MAX_LISTED,
    PEOPLE_NOW,
    Arrival,
    FirstView,
    LastView,
    PeopleOfMinute,
    Person,
    both,
    pack,
)
from dashboard.live import people_now
from dashboard.live.people_now import PeopleNow
from dashboard.live.people_now import visits_of as visits_by_minute
from dashboard.live.state import LiveState
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.partition import PartitionState
from tests.dashboard.partials import MINUTE, partial
from tests.support.events import NOON, Record, encoded, event, fresh_id, user_key
from tests.support.partition_states import everything, fold, new_state
from tests.support.plain_visits import Event, Visit, links_of, visits_of

PARTITIONS = 3
PROGRAM = {"browser": "Googlebot", "system": "unknown", "kind": "bot", "bot": "crawler"}
Sent = list[dict[str, Any]]
HALF_AN_HOUR = range(1, 30)
# User, visitor and session.
Who = tuple[str | None, str | None, str | None]


def named(*names: str) -> st.SearchStrategy[bytes | None]:
    return st.none() | st.sampled_from(names).map(user_key)


def sending(minutes_ago: Sequence[int], *who: Who) -> st.SearchStrategy[dict[str, Any]]:
    """What one of these does (user, visitor, session), in one of these minutes."""
    return st.fixed_dictionaries(
        {
            "at": st.builds(
                lambda minute, moment: MINUTE - minute * MINUTE_MS + moment,
                st.sampled_from(minutes_ago),
                st.integers(0, MINUTE_MS - 1),
            ),
            "who": st.sampled_from(who).map(lambda names: [name and user_key(name) for name in names]),
            "is_program": st.sampled_from([False, False, False, True]),
            "page": st.sampled_from([None, "/", "/prices"]),
            "source": st.sampled_from([None, None, "news.example", "shop.example"]),
            "country": st.sampled_from(["DE", "FR"]),
        }
    )


NAMES = (None, "laptop", "phone", "tablet")
ANYBODY: list[Who] = [
    (user, browser, session) for user in (None, "ann", "bob") for browser in NAMES for session in (None, "session")
]
# Browsers that only one user signs in on.
OWNERS = [("ann", "laptop"), ("ann", "phone"), ("bob", "tablet"), ("ann", None)]
OF_ONE: list[Who] = [(user, browser, None) for owner, browser in OWNERS for user in (None, owner)]
VISITORS: list[Who] = [(None, "laptop", None), (None, "phone", "session")]


def visits(sent: Sent) -> list[Visit]:
    """By the definition in code."""
    events = [
        Event(
            at=each["at"],
            id=bytes([number]),
            type="page_view" if each["page"] else "click",
            user=each["who"][0],
            visitor=each["who"][1],
            session=each["who"][2],
            page=each["page"],
            origin=(each["source"], None) if each["page"] and each["source"] else None,
            channel="referral" if each["page"] and each["source"] else None,
            country=each["country"],
            bot=each["is_program"],
        )
        for number, each in enumerate(sent)
    ]
    return visits_of(events, links_of(events), timedelta(minutes=30), oldest=0)


def live(sent: Sent, chance: Random | None = None) -> LiveState:
    """What the dashboard has after the stream app has folded these events, in this order and in any batches."""
    logs = defaultdict[int, list[Record]](list)
    for each in sent:
        keys = dict(zip(("user_key", "visitor_key", "session_key"), each["who"], strict=True))
        key = keys["user_key"] or keys["session_key"] or keys["visitor_key"]
        more: dict[str, Any] = {"device": PROGRAM} if each["is_program"] else {}
        more |= {"occurred_at": each["at"], "country": each["country"], "event_id": fresh_id(NOON)}
        if each["page"]:
            origin = {"source": each["source"], "channel": "referral"} if each["source"] else {}
            more |= {"event_data": {"page": each["page"]}} | origin
        value = encoded(event("page_view" if each["page"] else "click", NOON, **keys, **more))
        log = logs[sum(key or b"") % PARTITIONS]
        log.append(Record(len(log), NOON, key and key.hex().encode(), value))
    state = LiveState()
    for partition, log in logs.items():
        folding = PartitionState(LIVE_AGGREGATES, limit=5, min_total_events=1, grace_ms=60 * MINUTE_MS)
        cut = chance.randint(0, len(log)) if chance else len(log)
        snapshots = [*fold(folding, log[:cut]), folding.snapshot(), *fold(folding, log[cut:]), folding.snapshot()]
        for snapshot in snapshots:
            for part in snapshot.partials if snapshot else ():
                if snapshot and part.sketch:
                    state.merge(
                        partial(part.dimension, part.start, partition, snapshot.position, sketch=part.sketch)
                    )
    state.advance(NOON)
    return state


def lists(who: list[Who], minutes_ago: Sequence[int]) -> st.SearchStrategy[Sent]:
    """What these do, each at a moment of its own."""
    return st.lists(sending(minutes_ago, *who), max_size=30, unique_by=lambda each: each["at"])


@given(lists(ANYBODY, HALF_AN_HOUR))
def test_people_are_those_of_the_definition(sent: Sent) -> None:
    people = len({visit.person for visit in visits(sent)})
    assert live(sent).people(30, NOON) == people
    assert live(sent).here(NOON).people[1] == people


@given(
    st.one_of(lists(OF_ONE, [1, 2, 4, 6, 29]), lists(VISITORS, [1, 2, 3, 31, 32])),
    st.randoms(use_true_random=False),
)
def test_visits_now_are_those_of_the_definition_in_whatever_order_events_come(sent: Sent, chance: Random) -> None:
    chance.shuffle(sent)
    agrees(live(sent, chance), sent)


@given(st.lists(sending(HALF_AN_HOUR, *ANYBODY), max_size=30, unique_by=lambda each: each["at"] // MINUTE_MS))
def test_visits_now_are_those_of_the_definition_where_browsers_change_hands(sent: Sent) -> None:
    """In another minute each time: of a minute, lists have one user of a browser."""
    agrees(live(sent), sent)


def agrees(state: LiveState, sent: Sent) -> None:
    here = state.here(NOON)
    for place, minutes in enumerate((5, 30)):
        since = MINUTE - (minutes - 1) * MINUTE_MS
        recent = [visit for visit in visits(sent) if visit.ended_at >= since]
        current = {visit.person: visit for visit in sorted(recent, key=lambda visit: visit.started_at)}.values()
        assert (here.visits[place], here.people[place]) == (len(recent), len(current))
        viewed = [visit for visit in current if visit.views]
        expected: dict[str, list[str | None]] = {
            "pages": [visit.pages[-1] for visit in viewed],
            "countries": [visit.country for visit in viewed],
            # What was there before the hour may have come from anywhere.
            "channels": [
                visit.channel
                for visit in viewed
                if visit.channel != "direct" or visit.started_at >= MINUTE - 29 * MINUTE_MS
            ],
        }
        for panel, names in expected.items():
            shown = {name: counts[place] for name, counts in here.by.get(panel, {}).items() if counts[place]}
            assert shown == Counter(names)


def test_an_arrival_from_elsewhere_begins_another_visit_also_within_a_minute() -> None:
    def arrival(at: int, source: str, country: str = "DE") -> Arrival:
        return Arrival(at, "referral", source, None, country, "7")

    did = {
        1: Person(100, 900, "7", FirstView(200, "DE", "7"), LastView(200, "/")),
        5: Person(
            *(10, 500, "7", FirstView(20, "DE", "7"), LastView(500, "/a")),
            arrivals=(arrival(20, "news.example"), arrival(400, "shop.example", "FR")),
        ),
        9: Person(1, 1, "7", FirstView(1, "DE", "7"), LastView(1, "/b"), (arrival(1, "shop.example"),)),
        40: Person(3, 3, "8"),
    }
    found = [
        (visit.start, visit.last, visit.page, visit.country, visit.origin and visit.origin[1])
        for visit in visits_by_minute(did)
    ]
    assert found == [
        (60_100, 300_010, "/", "DE", None),
        (300_020, 300_020, None, "DE", "news.example"),
        (300_400, 540_001, "/b", "FR", "shop.example"),
        (2_400_003, 2_400_003, None, None, None),
    ]


parts = st.builds(
    lambda at, source, page: Person(
        *(at, at, source, FirstView(at, source, page), LastView(at, page)),
        arrivals=(Arrival(at, source, None, None, None, page),) if source else (),
    ),
    st.integers(0, 40),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, "/", "/a"]),
)


@given(st.lists(parts, min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_what_a_person_did_is_the_same_however_it_was_parted(did: list[Person], chance: Random) -> None:
    """Also of the same millisecond, and with more arrivals than are kept."""
    in_order = did[0]
    for each in did[1:]:
        in_order = both(in_order, each)
    left = list(did)
    while len(left) > 1:
        chance.shuffle(left)
        left.append(both(left.pop(), left.pop()))
    assert left == [in_order]
    arrivals = sorted({each.arrivals[0] for each in did if each.arrivals}, key=lambda each: each.at)
    assert len(in_order.arrivals) == min(MAX_ARRIVALS, len(arrivals))
    assert [each.at for each in in_order.arrivals[-1:]] == [each.at for each in arrivals[-1:]]


def test_of_many_people_a_sample_is_listed_whatever_their_order_and_the_batches() -> None:
    log = [
        Record(
            n, NOON, None, encoded(event("page_view", user_key=user_key(f"{n % 900}"), event_data={"page": "/"}))
        )
        for n in range(1_800)
    ]
    at_once, in_batches = new_state(), new_state()
    fold(at_once, log)
    for first in range(0, len(log), 70):
        fold(in_batches, log[first : first + 70])
        in_batches.snapshot()
    lists = [
        [(each.start, each.sketch) for each in everything(state).partials if each.dimension == PEOPLE_NOW]
        for state in (at_once, in_batches)
    ]
    assert lists[0] == lists[1]
    ((start, packed),) = lists[0]
    assert packed is not None
    state = LiveState()
    state.merge(partial(PEOPLE_NOW, start, sketch=packed))
    here = state.here(start)
    assert here.is_sampled
    assert here.by["pages"]["/"][0] == here.visits[0]
    assert abs(here.visits[0] - 900) < 900 * 3 / MAX_LISTED**0.5


def test_of_many_partitions_a_sample_is_stored_until_there_are_fewer_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(people_now, "MAX_LISTED", 500)
    stored, did = PeopleNow(), Person(1, 1, "7", FirstView(1, "DE", "7"), LastView(1, "/"))
    for partition in range(40):
        users, visitors = (
            {user_key(f"{kind} {partition} {n}").hex(): did for n in range(50)} for kind in ("user", "visitor")
        )
        stored.merge(MINUTE, partition, 1, pack(PeopleOfMinute(users, visitors, {}, ("", "", ""))))
        assert stored._listed <= 500
    here = stored.here(MINUTE)
    assert here.is_sampled
    assert abs(here.people[0] - 4_000) < 4_000 * 3 / 250**0.5
    assert here.people == here.visits == here.by["pages"]["/"]
    for minutes in range(1, 8):
        stored.drop_before(MINUTE + minutes * MINUTE_MS)
        stored.merge(MINUTE + minutes * MINUTE_MS, 0, 1, pack(PeopleOfMinute({"ff": did}, {}, {}, ("", "", ""))))
    assert stored._listed == 1
    stored._rest_until = 0.0
    assert not stored.here(MINUTE + 7 * MINUTE_MS).is_sampled
