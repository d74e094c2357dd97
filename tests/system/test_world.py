"""A scripted world: a month of people, sent as browsers send it; then every number of every page is what the script says.

`make test` has a few people, `make world` two hundred, with services killed at random meanwhile.
"""

import asyncio
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.support.ip_databases import write_ip_database
from tests.support.world import links, live, questions, scenery, sending, truth
from tests.support.world.story import Event, Story
from tests.support.world.teller import story_of
from tests.support.world.truth import Question
from tests.system.conftest import running
from tests.system.stack import COLLECT, Stack, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]
log = logging.getLogger(__name__)

FEW = 12
PEOPLE = int(os.environ.get("WORLD_PEOPLE", FEW))
KILLS = int(os.environ.get("WORLD_KILLS", "0"))
SEED = int(os.environ.get("WORLD_SEED", "1"))
VICTIMS = ("sinks", "stream_app", "producer_api")
BACKEND_KEY = "7f3b1c9ae2d84f60b5a1c3e7d9f20468"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    places = {
        f"{network}0/24": {"country": {"iso_code": country}}
        for network, country in scenery.COUNTRIES.items()
        if country
    }
    settings = {
        "FOOTFALL_ANONYMOUS_VISITORS": "true",
        "FOOTFALL_TRUSTED_PROXIES": "127.0.0.1,::1",
        "FOOTFALL_ALLOWED_ORIGINS": ",".join(scenery.ORIGINS),
        "FOOTFALL_IP_DATABASE": str(write_ip_database(tmp_path / "places.mmdb", places)),
        "FOOTFALL_BACKEND_KEYS": f"shop={BACKEND_KEY}",
        "FOOTFALL_EVENTS_PER_MINUTE": "100000",
        "FOOTFALL_EVENTS_PER_MINUTE_PER_ADDRESS": "1000000",
    }
    yield from running(tmp_path / "data", settings=settings)


def test_every_number_is_what_the_people_did(stack: Stack) -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it has a line per request
    world = story_of(SEED, PEOPLE, time.time_ns() // 1_000_000)
    log.info("seed %d: %d people, %d events", SEED, PEOPLE, len(world.events))
    with kills(stack):
        send(world, stack)
    events = world.events

    live_agrees(stack, events)  # first, as it forgets
    assert until(partial(unlike_live_page, stack), [].__eq__, seconds=60) == []
    all_agrees(stack, events)
    page_shows_the_same(stack)
    if KILLS:
        read_again(stack)
        all_agrees(stack, events, asked_again=1)
    for user in world.erasable[: 1 + PEOPLE // 20]:
        erased = stack.footfall("erase", "--user", user)
        assert erased.returncode == 0, erased.stdout + erased.stderr
        events = truth.without(events, user)
    all_agrees(stack, events, asked_again=2)
    if KILLS:
        read_again(stack)
        all_agrees(stack, events, asked_again=3)


def send(world: Story, stack: Stack) -> None:
    sessions: dict[str, str] = {}

    def session(user: str) -> str:
        if user not in sessions:
            sessions[user] = stack.session(sub=user)["cookie"].removeprefix("session=")
        return sessions[user]

    asyncio.run(sending.send(world, stack.url + COLLECT, session, BACKEND_KEY, own_ids=KILLS > 0))


@contextmanager
def kills(stack: Stack) -> Iterator[None]:
    """Kill services at random meanwhile, and in any case so many times."""
    killing = threading.Thread(target=kill_at_random, args=(stack,))
    killing.start()
    yield
    killing.join()


def kill_at_random(stack: Stack) -> None:
    chance = Random(SEED)
    for number in range(KILLS):
        time.sleep(chance.uniform(0.5, 6))
        try:
            stack.kill(VICTIMS[number % len(VICTIMS)])
        except ProcessLookupError:
            continue  # it has no successor yet


def read_again(stack: Stack) -> None:
    """Have the sinks read the whole topic again."""
    position = "select sum(next_offset) from sink_offsets"
    before = stack.query(position)
    replayed = until(
        lambda: stack.footfall("replay", "--from-offset", "0", "--execute"), lambda done: done.returncode == 0, 60
    )
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert until(lambda: stack.query(position), before.__eq__, seconds=120) == before


def all_agrees(stack: Stack, events: list[Event], asked_again: int = 0) -> None:
    """Rows, visits, and the history's answers to all questions."""
    expected = {event.id for event in events}
    ids = until(
        lambda: {row for (row,) in stack.query("select event_id from events")}, expected.__eq__, seconds=90
    )
    assert (expected - ids, ids - expected) == (set(), set())
    # The rest of a replay may land without a row.
    until(lambda: stack.query("select count(*) from visit_queue"), [(0,)].__eq__, seconds=90)
    found = visits_in_view(stack)
    visits = truth.rows_of_visits(truth.visits_of(events))
    assert (found - visits, visits - found) == (Counter(), Counter())
    found_links = stack.query(
        "select visitor_key, user_key, (extract(epoch from first_at) * 1000)::bigint from identities"
    )
    assert links.shape_of(found_links) == links.shape_of(links.of(events))

    wrong = [
        difference for question in asked() for difference in differences(stack, question, events, asked_again)
    ]
    assert wrong == [], "\n".join(map(str, wrong[:40]))


def asked() -> Iterator[Question]:
    """All questions, or of those with filters a few, other ones with each seed."""
    yield from questions.periods()
    filtered = [*questions.filtered()]
    yield from filtered if PEOPLE > FEW else Random(SEED).sample(filtered, 6)


def visits_in_view(stack: Stack) -> Counter[tuple[Any, ...]]:
    by_person: dict[tuple[str, bool], list[Any]] = {}
    for person, is_user, *row in stack.query(
        f"select person, is_user, {truth.COLUMNS} from visits order by person, started_at"
    ):
        by_person.setdefault((person, is_user), []).append(tuple(row))
    return Counter((is_user, *rows) for (_person, is_user), rows in by_person.items())


def differences(stack: Stack, question: Question, events: list[Event], asked_again: int) -> list[Any]:
    """Where an answer of the history is not what the script says."""
    # What was asked before may be answered from a cache. This changes the notices, and so the question, but no number.
    again = {"measure": f"again-{asked_again}"} if asked_again else {}
    before = datetime.now(UTC)
    answer = ask(stack, question.params | again)
    period = questions.period_of(question, before)
    shown = tuple(live.milliseconds(answer[name]) for name in ("since", "until"))
    if shown != period:  # a minute began
        period = questions.period_of(question, datetime.now(UTC))
    starts = [live.milliseconds(step["start"]) for step in answer["steps"]]
    expected = truth.history(question, events, period, starts)
    found = {
        "program_events_left_out": answer["program_events_left_out"],
        "steps": [step["counts"] for step in answer["steps"]],
        "totals": {name: total["current"] for name, total in answer["totals"].items()},
        "panels": {
            name: live.rows_by_name(rows, compared="compare" in question.params)
            for name, rows in answer["panels"].items()
        },
    }
    wrong = truth.unlike("period", shown, tuple(period))
    if "compare" in question.params:
        previous = questions.previous_of(question, period)
        before_ = truth.history(question, events, previous, [0])["totals"]
        shown_ = {name: total["previous"] for name, total in answer["totals"].items()}
        wrong += truth.unlike("previous", shown_, before_)
    for part in ("program_events_left_out", "steps", "totals"):
        wrong += truth.unlike(part, found[part], expected[part])
    assert found["panels"].keys() <= expected["panels"].keys()
    for name, rows in found["panels"].items():
        wrong += truth.unlike(name, rows, expected["panels"][name])
    return [(dict(question.params), *each) for each in wrong]


def ask(stack: Stack, params: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = get(stack, f"/dashboard/history.json?{urlencode(params)}").json()
    return found


def get(stack: Stack, path: str) -> httpx.Response:
    """What the dashboard answers, as soon as it does."""
    answer = until(lambda: stack.get(path), lambda answer: answer.status_code == 200, seconds=60)
    assert answer.status_code == 200, answer.text
    return answer


def live_agrees(stack: Stack, events: list[Event]) -> None:
    """The live page, within the minutes that it shows, without programs and with them."""

    def wrong(*, with_programs: bool) -> list[Any]:
        answer = stack.get("/dashboard/snapshot.json" + "?programs=1" * with_programs)
        if answer.status_code != 200:
            return [answer.text]
        shown = answer.json()
        return live.differences(shown, live.expected(events, shown["as_of"], with_programs=with_programs))

    for with_programs in (False, True):
        ask = partial(wrong, with_programs=with_programs)
        assert until(ask, lambda found: not found, seconds=90) == []


def unlike_live_page(stack: Stack) -> list[Any]:
    """Where the live page does not have the numbers of the snapshot, unless a minute began between them."""
    page = Page()
    page.feed(get(stack, "/").text)
    shown = get(stack, "/dashboard/snapshot.json").json()
    figures = {name: f"{shown['figures'][name]:,}" for name in page.figures}
    wrong: list[Any] = truth.unlike("figures of the page", page.figures, figures)
    for name, rows in shown["panels"].items():
        if name in page.rows:
            wrong += [(name, len(rows), len(page.rows[name]))] * (len(rows) != len(page.rows[name]))
            wrong += [
                (name, cells, row)
                for cells, row in zip(page.rows[name], rows, strict=False)
                if not numbers(row) <= set(cells)
            ]
    return wrong + ["no panels"] * (len(page.rows) < 10)


def numbers(row: dict[str, Any]) -> set[str]:
    """The whole numbers of a row, as a page has them."""
    return {f"{value:,}" for value in row.values() if isinstance(value, int) and value is not True}


def page_shows_the_same(stack: Stack) -> None:
    """The page has the numbers of the JSON, in its top row and in the first rows of its panels."""
    params = {"range": "30d", "pages": "paths"}
    page = Page()
    page.feed(get(stack, f"/history?{urlencode(params)}").text)
    answer = ask(stack, params)
    for total in ("people", "visits", "views", "events"):
        assert page.totals[total.capitalize()] == f"{answer['totals'][total]['current']:,}"
    assert page.totals["Bounce rate"] == f"{answer['totals']['bounce_rate']['current']:.1f} %"
    panels = {name: rows for name, rows in answer["panels"].items() if name in page.rows}
    assert len(panels) > 15
    for name, rows in panels.items():
        shown = page.rows[name]
        assert len(shown) == min(8, len(rows)), name
        for cells, row in zip(shown, rows, strict=False):
            assert numbers(row) <= set(cells), (name, cells, row)


class Page(HTMLParser):
    """The top row and the tables of a page; the figures of the live page by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.totals: dict[str, str] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.figures: dict[str, str] = {}
        self._figure: str | None = None
        self._panel = self._term = ""
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._open.append(tag)
        self._figure = given.get("data-figure")
        if tag == "table":
            self._panel = given.get("data-panel") or ""
            self.rows.setdefault(self._panel, [])
        elif tag == "tr" and "tbody" in self._open:
            self.rows.setdefault(self._panel, []).append([])
        elif tag in ("td", "th") and "tbody" in self._open:
            self.rows[self._panel][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, text: str) -> None:
        if self._figure:
            self.figures[self._figure] = text.strip()
            self._figure = None
        if "tbody" in self._open and ("td" in self._open or "th" in self._open):
            self.rows[self._panel][-1][-1] += text.strip()
        elif "dt" in self._open:
            self._term = text.strip() or self._term
        elif "dd" in self._open and "b" in self._open:
            self.totals.setdefault(self._term, text.strip())
