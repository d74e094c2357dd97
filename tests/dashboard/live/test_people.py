"""The live page counts people and visits as their definition does, whatever partitions their events are in."""

from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.live_aggregates import MINUTE_MS
from avro_schemas.people_now import MAX_LISTED, PEOPLE_NOW, Person
from dashboard.live.people_now import visits_of as visits_by_minute
from dashboard.live.state import LiveState
from tests.dashboard.partials import MINUTE, partial
from tests.support.events import NOON, Record, encoded, event, user_key
from tests.support.partition_states import everything, fold, new_state
from tests.support.plain_visits import Event, Visit, links_of, visits_of

PARTITIONS = 3
PROGRAM = {"browser": "Googlebot", "system": "unknown", "kind": "bot", "bot": "crawler"}
Sent = list[dict[str, Any]]


def named(*names: str) -> st.SearchStrategy[bytes | None]:
    return st.none() | st.sampled_from(names).map(user_key)


browsing = st.fixed_dictionaries(
    {
        "minutes_ago": st.integers(0, 29),
        "user_key": named("ann", "bob"),
        "visitor_key": named("laptop", "phone", "tablet"),
        "session_key": named("session"),
        "is_program": st.sampled_from([False, False, False, True]),
        "page": st.sampled_from([None, "/", "/prices"]),
        "source": st.sampled_from([None, None, "news.example", "shop.example"]),
    }
)


def visits(sent: Sent) -> list[Visit]:
    """By the definition in code."""
    events = [
        Event(
            at=MINUTE - each["minutes_ago"] * MINUTE_MS,
            id=bytes([number]),
            type="page_view" if each["page"] else "click",
            visitor=each["visitor_key"],
            user=each["user_key"],
            session=each["session_key"],
            page=each["page"],
            origin=(each["source"], None) if each["page"] and each["source"] else None,
            channel="referral" if each["page"] and each["source"] else None,
            bot=each["is_program"],
        )
        for number, each in enumerate(sent)
    ]
    return visits_of(events, links_of(events), timedelta(minutes=30), oldest=0)


def live(sent: Sent) -> LiveState:
    """What the dashboard has after the stream app has folded these events."""
    logs = defaultdict[int, list[Record]](list)
    for each in sorted(sent, key=lambda each: -each["minutes_ago"]):
        at = MINUTE - each["minutes_ago"] * MINUTE_MS
        keys = {name: each[name] for name in ("user_key", "visitor_key", "session_key")}
        key = keys["user_key"] or keys["session_key"] or keys["visitor_key"]
        more: dict[str, Any] = {"device": PROGRAM} if each["is_program"] else {}
        if each["page"]:
            origin = {"source": each["source"], "channel": "referral"} if each["source"] else {}
            more |= {"event_data": {"page": each["page"]}} | origin
        value = encoded(event("page_view" if each["page"] else "click", at, **keys, **more))
        log = logs[sum(key or b"") % PARTITIONS]
        log.append(Record(len(log), at, key and key.hex().encode(), value))
    state = LiveState()
    for partition, log in logs.items():
        folding = new_state()
        for snapshot in [*fold(folding, log), folding.snapshot()]:
            for each in snapshot.partials if snapshot else ():
                if each.sketch:
                    state.merge(
                        partial(each.dimension, each.start, partition, snapshot.position, sketch=each.sketch)
                    )
    state.advance(NOON)
    return state


@given(st.lists(browsing, max_size=30))
def test_people_are_those_of_the_definition(sent: Sent) -> None:
    people = len({visit.person for visit in visits(sent)})
    assert live(sent).people(30, NOON) == people
    assert live(sent).here(NOON).people[1] == people


@given(st.lists(browsing, max_size=30, unique_by=lambda each: each["minutes_ago"]))
def test_visits_pages_and_sources_now_are_those_of_the_definition(sent: Sent) -> None:
    """With events in minutes of their own, as lists know nothing shorter than minutes."""
    here = live(sent).here(NOON)
    for place, minutes in enumerate((5, 30)):
        recent = [visit for visit in visits(sent) if visit.ended_at > MINUTE - minutes * MINUTE_MS]
        current = {visit.person: visit for visit in sorted(recent, key=lambda visit: visit.started_at)}
        assert (here.visits[place], here.people[place]) == (len(recent), len(current))
        pages = Counter(visit.pages[-1] for visit in current.values() if visit.pages)
        channels = Counter(visit.channel for visit in current.values() if visit.pages)
        for panel, expected in (("pages", pages), ("channels", channels)):
            shown = {name: counts[place] for name, counts in here.by.get(panel, {}).items() if counts[place]}
            assert shown == expected


def test_an_arrival_from_elsewhere_begins_another_visit_also_within_a_minute() -> None:
    news, shop = ("referral", "news.example", None), ("referral", "shop.example", None)
    did = [
        (1, Person("/", "DE", "7", viewed=True, arrivals=())),
        (5, Person("/a", "DE", "7", viewed=False, arrivals=(news, shop))),
        (9, Person("/b", "DE", "7", viewed=True, arrivals=(shop,))),
        (40, Person(None, None, "8", viewed=False, arrivals=())),
    ]
    found = [(visit.start, visit.last, visit.page, visit.arrival) for visit in visits_by_minute(did)]
    assert found == [(1, 1, "/", None), (5, 5, None, news), (5, 9, "/b", shop), (40, 40, None, None)]


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
