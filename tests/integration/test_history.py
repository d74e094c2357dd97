"""The history page's SQL on a real Postgres: every filter and every panel agree with the rows."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from operator import itemgetter
from random import Random
from typing import Any

import pytest

from dashboard.filters import FILTERS
from dashboard.history.query import parse_query
from dashboard.history.result import Result
from dashboard.history.service import HistoryService
from dashboard.render.panels import HISTORY
from dashboard.sql import Database
from sinks.landing.rows import decode_batch
from sinks.postgres.store import PostgresStore
from tests.support.database import at
from tests.support.events import Record, encoded, event, now_ms, user_key

pytestmark = pytest.mark.integration

Event = dict[str, Any]


PERSON = {"browser": "Firefox", "system": "Linux", "kind": "desktop", "bot": None}
PROGRAM = {"browser": "Googlebot", "system": "unknown", "kind": "bot", "bot": "crawler"}


def page_views(seed: int, count: int = 120) -> list[Event]:
    chance, now = Random(seed), now_ms()

    def one_of(*values: Any) -> Any:
        return chance.choice([*values, None])

    made = []
    for _ in range(count):
        page, source = chance.choice(["/", "/pricing"]), one_of("news.example", "shop.example")
        head = {
            "site": chance.choice(["default", "shop"]),
            "user_key": one_of(user_key("ann"), user_key("bob")),
            "visitor_key": one_of(*(user_key(f"visitor-{n}") for n in range(5))),
            "session_key": one_of(*(user_key(f"session-{n}") for n in range(5))),
            "country": one_of("DE", "US"),
            "language": one_of("de", "pt-BR"),
            "screen": one_of("xs", "xl"),
            "release": one_of("1", "2"),
            "hostname": one_of("a.example", "b.example"),
            "page": page,
            "source": source,
            "channel": "referral" if source else one_of("direct", "mail"),
            "utm_campaign": one_of("spring", "100 % off"),
        }
        device = chance.choice([PERSON, PERSON, PROGRAM])
        made.append(event("page_view", now, event_data={"page": page}, device=device, **head))
    return made


# How a test reads from an event what the filters and panels name.
VALUES: dict[str, Callable[[Event], Any]] = {
    "type": itemgetter("event_type"),
    "device": lambda e: e["device"]["kind"],
    "source": lambda e: "(direct)" if e["channel"] == "direct" else e["source"],
    "campaign": itemgetter("utm_campaign"),
    **{
        name: itemgetter(name)
        for name in ("page", "channel", "country", "site", "hostname", "release", "language", "screen")
    },
}


@pytest.fixture
def events(store: PostgresStore) -> list[Event]:
    """Events in Postgres."""
    made = page_views(seed=1)
    (start,) = store.claim({0: 0}).values()
    records = [Record(start + n, now_ms(), None, encoded(each)) for n, each in enumerate(made)]
    store.write(decode_batch({0: records}, {0: start}))
    return made


async def result(dsn: str, **params: str) -> Result:
    return await HistoryService(Database(at(dsn))).run(parse_query(params, datetime.now(UTC), 90))


async def test_every_filter_selects_the_events_with_its_value(events: list[Event], postgres: str) -> None:
    assert VALUES.keys() == FILTERS.keys()
    for name, value_of in VALUES.items():
        for value in {value_of(each) for each in events} - {None}:
            found = await result(postgres, **{name: value})
            selected = [each for each in events if value_of(each) == value]
            people = [each for each in selected if each["device"] == PERSON]
            sessions = {each["session_key"] or each["visitor_key"] for each in people} - {None}
            users = {each["user_key"] for each in people} - {None}
            assert [total.current for total in found.totals] == [len(selected), len(users), len(sessions)]
            assert sum(step.sum for step in found.steps) == len(selected)
    assert not (await result(postgres, site="shop", country="FR")).has_events
    odd = "\x01\x7f\uffff\U0010ffff %s %(type)s ' \\ {}" * 50
    assert not (await result(postgres, **dict.fromkeys(FILTERS, odd))).has_events


async def test_every_panel_with_a_filter_counts_its_values(events: list[Event], postgres: str) -> None:
    panels = (await result(postgres)).panels
    filtered = {
        panel.name: panel.filter for panel in HISTORY.values() if panel.filter and panel.name != "custom_events"
    }
    assert set(filtered.values()) == FILTERS.keys()
    for panel, name in filtered.items():
        counted = Counter(VALUES[name](each) for each in events)
        del counted[None]
        assert {row: cells[0] for row, cells in panels[panel].items()} == counted
