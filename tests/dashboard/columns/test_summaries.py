"""Questions to summaries give what the same questions to the rows give, whatever the period and whatever is missing."""

import os
from pathlib import Path
from random import Random
from typing import Any

from dashboard.columns.engine import Engine
from dashboard.columns.plan import DAY, HOUR, ColumnFile, Source, partly
from dashboard.columns.questions import Period, Questions, Selection, Stored
from dashboard.columns.select import cut, rows_in, rows_of
from dashboard.columns.summaries import (
    QUARTER,
    Split,
    chosen,
    merged,
    split,
    stem_of,
    summary_of,
    to_merge,
)
from dashboard.history.result import RANKINGS
from dashboard.history.service import LAYOUT
from dashboard.render.panels import HISTORY

PROGRAMS = RANKINGS.index(HISTORY["programs"].expression)
ODD = "'', '/', 'é', 'a,b', '''; --', null"
EVENTS_PER_DAY = 300


def random_rows(day: int) -> str:
    """SQL for a day of rows with few values, so that all of them meet."""

    def one_of(*values: str) -> str:
        return f"list_extract([{', '.join(values)}], 1 + floor(random() * {len(values)})::integer)"

    columns = {column.name: one_of(ODD) for column in LAYOUT.columns} | {
        "ms": f"{day * DAY} + floor(random() * {DAY})::bigint",
        "occurred": f"{day * DAY} - floor(random() * {DAY})::bigint",
        "event_type": one_of("'page_view'", "'error_encountered'", "'form_submit'", "'web_vital'", "'own'"),
        "is_person": "random() < 0.7",
        "person": one_of(*(f"'00000000-0000-0000-0000-00000000000{n}'::uuid" for n in range(9)), "null"),
        "properties": one_of(
            "null", "'a' || chr(31) || 'b' || chr(30) || 'c' || chr(31)", "'c' || chr(31) || 'd'"
        ),
        "succeeded": one_of("true", "false", "null"),
        "metric": one_of("'LCP'", "'CLS'", "'own'", "null"),
        "value": one_of("0.0", "0.1", "200", "-1", "1e3 / 3"),
    }
    made = ", ".join(f"({columns[column.name]})::{column.type} as {column.name}" for column in LAYOUT.columns)
    return f"select {made} from range({EVENTS_PER_DAY})"


class Folder:
    """Files of three days: two with summaries, which are one as well, and one without."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self.engine, self.files, self.known = engine, dict[str, ColumnFile](), dict[str, list[str]]()
        for day in range(4):
            path = root / f"day{day}.parquet"
            engine.write(random_rows(day), path, {})
            hours = engine.session().rows(f"select ms // {HOUR} * {HOUR}, count(*) from '{path}' group by 1")
            self.files[str(path)] = ColumnFile(
                path=str(path), first=day * DAY, end=day * DAY + DAY, hours=dict(hours), erased=0, dropped=0
            )
        for path in list(self.files)[:3]:
            engine.write(summary_of(path, LAYOUT), target := Path(path).with_suffix(".summary"), {})
            self.known[str(target)] = [stem_of(path)]
        ((*stems,),) = to_merge([file for file in self.files.values() if file.first < 2 * DAY], self.known, {})
        engine.write(merged(chosen(Split(tuple(stems)), self.known)), target := root / "both.summary", {})
        self.known[str(target)] = stems

    def both_ways(
        self, sources: list[Source], period: Period, selection: Selection
    ) -> tuple[Questions, Questions]:
        """The questions to the rows by their times, and to summaries and what these do not have."""
        found = split(sources, self.files, {stem for stems in self.known.values() for stem in stems}, period.both)
        rows, rest = cut(rows_of(sources), *period.both), rows_in(found.rest, *period.both)
        return (
            Questions(self.engine.session(), LAYOUT, Stored(rows), period, selection, 30),
            Questions(
                self.engine.session(), LAYOUT, Stored(rest, chosen(found, self.known)), period, selection, 30
            ),
        )


def random_period(chance: Random) -> Period:
    """Of days, hours or quarters; sometimes with a previous one, and with an end within an hour."""
    step = chance.choice([DAY, HOUR])
    since = chance.randrange(4 * DAY) // step * step + chance.choice([0, 0, QUARTER, 5 * HOUR + 2 * QUARTER])
    until = since + step * chance.randint(1, 3) - chance.choice([0, 0, 60_000])
    shift = chance.choice([0, -(-(until - since) // DAY) * DAY])
    starts = tuple(range(since, until, step))
    previous = (since - shift, until - shift) if shift else (since, since)
    before = tuple(start - shift for start in starts) if shift else ()
    return Period(
        since=since,
        until=until,
        previous_since=previous[0],
        previous_until=previous[1],
        starts=starts,
        previous_starts=before,
    )


def asked(questions: Questions) -> dict[str, Any]:
    steps = questions.steps()
    return {
        "totals": (steps.views, steps.events, steps.left_out),
        "rankings": questions.rankings(range(len(RANKINGS)), PROGRAMS),
        "steps": (sorted(steps.steps), sorted(steps.previous_steps)),
        "part of the rankings": questions.rankings([PROGRAMS, 0], PROGRAMS),
        "features": questions.features(20),
        "forms": questions.forms(),
        "errors": questions.errors(),
        "web_vitals": sorted(questions.web_vitals([("LCP", 0.1, 200.0), ("CLS", 0.0, 1.0)])),
    }


def test_summaries_give_what_the_rows_give(tmp_path: Path) -> None:
    engine, chance = Engine(tmp_path), Random(1)
    folder = Folder(engine, tmp_path)
    summarised = 0
    for _ in range(int(os.environ.get("HISTORY_QUESTIONS", "1")) * 4):
        period = random_period(chance)
        sources = [Source(path, file.first, file.end) for path, file in folder.files.items()]
        if chance.random() < 0.5:
            # Another file has the other hours, or they are read from Postgres.
            place, first = chance.randrange(4), chance.randrange(12) * HOUR
            day = place * DAY
            sources[place] = partly(sources[place].path, range(day + first, day + first + 9 * HOUR, HOUR))
        selection = Selection([], programs=chance.random() < 0.5, search=chance.choice(["", "", "é"]))
        by_rows, by_summaries = folder.both_ways(sources, period, selection)
        summarised += bool(by_summaries._stored.summaries)
        assert asked(by_summaries) == asked(by_rows), (period, sources, selection)
    engine.close()
    assert summarised > 2


def test_times_are_compared_only_where_a_file_is_not_wholly_in_a_period(tmp_path: Path) -> None:
    engine, chance = Engine(tmp_path), Random(2)
    folder = Folder(engine, tmp_path)
    sources = [Source(path, file.first, file.end) for path, file in folder.files.items()]
    session = engine.session()
    for _ in range(50):
        period = random_period(chance)
        chosen_ = chance.sample(sources, chance.randint(1, len(sources)))
        found, wanted = (
            session.rows(f"select person, ms, is_current, is_previous from ({rows}) order by all")
            for rows in (rows_in(chosen_, *period.both), cut(rows_of(chosen_), *period.both))
        )
        assert found == wanted, (period, chosen_)
    both = ((2 * DAY, 3 * DAY), (DAY, 2 * DAY))
    assert "ms" not in rows_in([each for each in sources if DAY <= each.first < 3 * DAY], *both)
    assert "ms >=" in rows_in(sources, *both)
    engine.close()


def test_hours_that_are_partly_in_a_period_are_read_from_the_rows() -> None:
    file = ColumnFile(
        path="/day.parquet", first=0, end=DAY, hours={0: 5, HOUR: 5, 5 * HOUR: 5}, erased=0, dropped=0
    )
    files, whole = {file.path: file}, Source(file.path, 0, DAY)

    def found(*periods: tuple[int, int], source: Source = whole) -> Split:
        return split([source], files, {"day"}, periods)

    assert found((0, 6 * HOUR)) == Split(whole=("day",))
    assert found((0, HOUR), (2 * HOUR, DAY)) == Split(
        whole=(), hours=(("day", ((0, HOUR), (5 * HOUR, 6 * HOUR))),)
    ), "periods of which each has a part"
    assert found((QUARTER, DAY)) == Split(
        whole=(),
        hours=(("day", ((HOUR, 2 * HOUR), (5 * HOUR, 6 * HOUR))),),
        rest=(partly(file.path, [0]),),
    )
    assert found((2 * HOUR, 3 * HOUR)) == Split(whole=())
    assert found((0, DAY), source=partly(file.path, [0])).hours == (("day", ((0, HOUR),)),)
    assert split([whole], files, set(), [(0, DAY)]).rest == (whole,)


def test_each_file_is_read_from_one_summary() -> None:
    known = {"/a": ["1"], "/b": ["2"], "/both": ["1", "2"], "/more": ["2", "3", "4"]}
    read = chosen(Split(whole=("1", "2", "3")), known)
    assert sorted(stem for each in read for stem in each.whole) == ["1", "2", "3"]
    assert len(read) == 2


def test_summaries_of_days_become_one_once_two_are_not_in_it() -> None:
    files = [
        ColumnFile(path=f"/{day}.parquet", first=day * DAY, end=day * DAY + DAY, hours={}, erased=0, dropped=0)
        for day in (0, 1, 2, 40)
    ]
    alone = {f"/{day}.summary": [str(day)] for day in (0, 1, 2, 40)}
    assert to_merge(files, alone, {}) == [["0", "1", "2"]]
    assert to_merge(files, alone | {"/both.summary": ["0", "1"]}, {}) == []
    assert to_merge(files, alone, {"0": 1 << 30}) == []
    assert to_merge(files, {"/0.summary": ["0"]}, {}) == []
