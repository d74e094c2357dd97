"""Questions to column files, compared with counts of the same events in plain Python."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from dashboard.columns.engine import Engine
from dashboard.columns.questions import Period, Questions, Selection, Stored
from dashboard.columns.select import cut
from dashboard.filters import Condition
from dashboard.history.result import RANKINGS
from dashboard.history.service import LAYOUT
from dashboard.render.panels import HISTORY

NUMBERS = list(range(len(RANKINGS)))
PROGRAMS = RANKINGS.index(HISTORY["programs"].expression)
TYPES = RANKINGS.index("event_type")
PERIOD = Period(since=50, until=100, previous_since=0, previous_until=50, starts=(50, 75), previous_starts=(0, 25))
Row = dict[str, Any]


def rows_of(seed: int, count: int = 80) -> list[Row]:
    chance, made = Random(seed), list[Row]()
    for _ in range(count):
        is_person, event_type = (
            chance.random() < 0.7,
            chance.choice(["page_view", "feature_used", "error_encountered"]),
        )
        row: Row = {column.name: None for column in LAYOUT.columns}
        row |= {
            "ms": chance.randrange(100),
            "occurred": chance.randrange(100),
            "event_type": event_type,
            "is_person": is_person,
            "person": chance.choice([UUID(int=1), UUID(int=2), None]),
            "page": chance.choice(["/a", "/B", None]),
            LAYOUT.rankings[PROGRAMS]: None if is_person else "Googlebot",
            LAYOUT.filters["country"]: chance.choice(["DE", "US", None]),
        }
        if event_type == "feature_used":
            row["properties"] = chance.choice([f"feature\x1f{x}\x1eplan\x1fteam" for x in ("export", "'; --")])
        if event_type == "error_encountered":
            row["error"] = chance.choice(["TypeError: x", "Error: y"])
        made.append(row)
    return made


def literal(value: Any) -> str:
    if isinstance(value, UUID | str):
        text = str(value).replace("'", "''")
        quoted = "'" + text.replace("\x1f", "' || chr(31) || '").replace("\x1e", "' || chr(30) || '") + "'"
        return f"({quoted})"
    return "null" if value is None else str(value).lower()


def asked(
    engine: Engine, rows: list[Row], *conditions: Condition, programs: bool = False, search: str = ""
) -> Questions:
    names = ", ".join(column.name for column in LAYOUT.columns)
    cast = ", ".join(f"{column.name}::{column.type} as {column.name}" for column in LAYOUT.columns)
    values = ", ".join(f"({', '.join(literal(row[column.name]) for column in LAYOUT.columns)})" for row in rows)
    sources = f"select {cast} from (values {values}) as made ({names})"
    selection = Selection(conditions, programs=programs, search=search)
    return Questions(engine.session(), LAYOUT, Stored(cut(sources, *PERIOD.both)), PERIOD, selection, 100)


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    made = Engine(tmp_path)
    yield made
    made.close()


def of_periods(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    return [row for row in rows if row["ms"] >= 50], [row for row in rows if row["ms"] < 50]


@pytest.mark.parametrize("programs", [False, True])
def test_totals_steps_and_rankings_leave_programs_out_but_count_them(engine: Engine, programs: bool) -> None:
    rows = rows_of(seed=1)
    questions = asked(engine, rows, programs=programs)
    current, before = of_periods([row for row in rows if row["is_person"] or programs])

    def people(counted: list[Row]) -> int:
        return len({row["person"] for row in counted if row["is_person"]} - {None})

    def views(counted: list[Row]) -> int:
        return sum(row["event_type"] == "page_view" for row in counted)

    left_out = len(of_periods(rows)[0]) - len(current)
    counts = questions.steps()
    assert questions.people() == (people(current), people(before))
    assert (counts.views, counts.events) == ((views(current), views(before)), (len(current), len(before)))
    assert counts.left_out == left_out
    rankings = questions.rankings(NUMBERS, PROGRAMS)
    steps = Counter((int(row["ms"] >= 75), row["event_type"]) for row in current)
    assert {(step, name): events for step, name, events in counts.steps} == steps
    before_steps = Counter((int(row["ms"] >= 25), row["event_type"]) for row in before)
    assert {(step, name): events for step, name, events in counts.previous_steps} == before_steps
    found = {(number, name): (events, previous) for number, name, events, previous, _all in rankings}
    types, types_before = (Counter(row["event_type"] for row in counted) for counted in (current, before))
    assert {name: both for (number, name), both in found.items() if number == TYPES} == {
        name: (types[name], types_before[name]) for name in types
    }
    bots = [sum(not row["is_person"] for row in counted) for counted in of_periods(rows)]
    assert found[PROGRAMS, "Googlebot"] == tuple(bots)
    # A part of the rankings, without event types, gives the same.
    assert questions.rankings([PROGRAMS], PROGRAMS) == [row for row in rankings if row[0] == PROGRAMS]


def test_filters_add_up_and_exclude_and_names_are_searched(engine: Engine) -> None:
    rows = rows_of(seed=2)
    pages = [Condition("page", "/a"), Condition("country", "DE", is_excluded=True)]
    selected = [
        row
        for row in of_periods(rows)[0]
        if row["is_person"] and row["page"] == "/a" and row[LAYOUT.filters["country"]] != "DE"
    ]
    assert asked(engine, rows, *pages).steps().events[0] == len(selected)
    used = [
        row for row in of_periods(rows)[0] if row["is_person"] and "feature\x1f'; --" in (row["properties"] or "")
    ]
    feature = Condition("prop", "feature_used.feature:'; --")
    assert asked(engine, rows, feature).steps().events[0] == len(used) > 0
    everything = len([row for row in of_periods(rows)[0] if row["is_person"]])
    excluded = Condition(feature.name, feature.value, is_excluded=True)
    assert asked(engine, rows, excluded).steps().events[0] == everything - len(used)
    features = asked(engine, rows, search="EXP".lower()).features(50)
    assert [row[:3] for row in features] == [("feature_used", "feature", "export")]
    people = {row["person"] for row in used} - {None}
    assert ("feature_used", "feature", "'; --", len(used), len(people)) in [
        row[:5] for row in asked(engine, rows).features(50)
    ]


def test_errors_are_ranked_by_people(engine: Engine) -> None:
    rows = rows_of(seed=3)
    current, before = of_periods([row for row in rows if row["is_person"]])
    expected = []
    for error in ("TypeError: x", "Error: y"):
        now, then = ([row for row in counted if row["error"] == error] for counted in (current, before))
        people = [len({row["person"] for row in counted} - {None}) for counted in (now, then)]
        pages = len({row["page"] for row in now} - {None})
        occurred = [row["occurred"] for row in now]
        expected.append((error, people[0], len(now), pages, min(occurred), max(occurred), people[1]))
    assert sorted(asked(engine, rows).errors()) == sorted(expected)
