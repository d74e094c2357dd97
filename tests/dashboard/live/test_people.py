"""The live page counts people as visits define them, whatever partitions their events are in."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.live_aggregates import MINUTE_MS
from dashboard.live.state import LiveState
from tests.dashboard.partials import MINUTE, partial
from tests.support.events import NOON, Record, encoded, event, user_key
from tests.support.partition_states import fold, new_state
from tests.support.plain_visits import Event, links_of, visits_of

PARTITIONS = 3
PROGRAM = {"browser": "Googlebot", "system": "unknown", "kind": "bot", "bot": "crawler"}


def named(*names: str) -> st.SearchStrategy[bytes | None]:
    return st.none() | st.sampled_from(names).map(user_key)


clicks = st.fixed_dictionaries(
    {
        "minutes_ago": st.integers(0, 29),
        "user_key": named("ann", "bob"),
        "visitor_key": named("laptop", "phone", "tablet"),
        "session_key": named("session"),
        "is_program": st.sampled_from([False, False, False, True]),
    }
)


def people_of(sent: list[dict[str, Any]]) -> int:
    """By the definition in code."""
    events = [
        Event(
            at=MINUTE - each["minutes_ago"] * MINUTE_MS,
            id=bytes([number]),
            type="click",
            visitor=each["visitor_key"],
            user=each["user_key"],
            session=each["session_key"],
            bot=each["is_program"],
        )
        for number, each in enumerate(sent)
    ]
    visits = visits_of(events, links_of(events), timedelta(minutes=30), oldest=0)
    return len({visit.person for visit in visits})


@given(st.lists(clicks, max_size=30))
def test_people_are_those_of_the_definition(sent: list[dict[str, Any]]) -> None:
    logs = defaultdict[int, list[Record]](list)
    for each in sorted(sent, key=lambda each: -each["minutes_ago"]):
        at = MINUTE - each["minutes_ago"] * MINUTE_MS
        keys = {name: each[name] for name in ("user_key", "visitor_key", "session_key")}
        key = keys["user_key"] or keys["session_key"] or keys["visitor_key"]
        device = {"device": PROGRAM} if each["is_program"] else {}
        value = encoded(event("click", at, **keys, **device))
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
    assert state.people(30, NOON) == people_of(sent)
