"""The history on a real Postgres: every filter and panel agrees with the events, and column files with the SQL."""

import os
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import psycopg
import pytest
from psycopg import conninfo

from avro_schemas.record_key import record_key
from dashboard.columns.plan import DAY, HOUR
from dashboard.columns.service import Columns
from dashboard.columns.summaries import stem_of
from dashboard.filters import FILTERS, PROPERTY, Condition
from dashboard.history.query import parse_query
from dashboard.history.result import Result
from dashboard.history.service import LAYOUT, HistoryService
from dashboard.history.visits import VISIT_LAYOUT
from dashboard.render.panels import HISTORY
from dashboard.sql import Database
from service_kit.retention import RetentionSettings
from sinks import erasure
from sinks.landing.rows import decode_batch
from sinks.postgres.store import PostgresStore
from sinks.retention.maintenance import maintain
from sinks.visits.derive import drain, step
from sinks.visits.queue import use_gap
from tests.support.database import at
from tests.support.days import Landed
from tests.support.events import Record, encoded, fresh_id, now_ms, user_key
from tests.support.history_events import VALUES, Event, is_person, others, page_views, people

pytestmark = pytest.mark.integration


@pytest.fixture
def events(store: PostgresStore) -> list[Event]:
    """Events in Postgres."""
    made = page_views(seed=1) + others(seed=2)
    (start,) = store.claim({0: 0}).values()
    records = [Record(start + n, now_ms(), None, encoded(each)) for n, each in enumerate(made)]
    store.write(decode_batch({0: records}, {0: start}))
    return made


async def result(dsn: str, *pairs: tuple[str, str], **params: str) -> Result:
    query = parse_query([*pairs, *params.items()], datetime.now(UTC), 90)
    return await HistoryService(Database(at(dsn))).run(query)


async def test_every_filter_selects_the_events_with_its_value_or_all_but_those(
    events: list[Event], postgres: str
) -> None:
    assert VALUES.keys() == FILTERS.keys()
    for name, value_of in VALUES.items():
        values = sorted({value_of(each) for each in events} - {None})
        assert values, name
        several = [values[:1], values[:2]]
        for chosen, is_excluded in [(chosen, out) for chosen in several for out in (False, True)]:
            # Numbers of events, as visits have no buttons.
            pairs = [(name, Condition(name, value, is_excluded).parameter) for value in chosen]
            found = await result(postgres, *pairs, ("button", "!none"), programs="1")
            selected = [each for each in events if (value_of(each) in chosen) is not is_excluded]
            views = [each for each in selected if each["event_type"] == "page_view"]
            assert [total.current for total in found.totals] == [people(selected), len(views), len(selected)]
            assert sum(step.sum for step in found.steps) == len(selected)
    assert not (await result(postgres, site="shop", country="FR")).has_events
    odd = "\x01\x7f\uffff\U0010ffff %s %(type)s ' \\ {}" * 50
    filters = dict.fromkeys(FILTERS.keys() - {PROPERTY}, odd) | {PROPERTY: f"a.b:{odd}"}
    assert not (await result(postgres, **filters)).has_events


@pytest.mark.usefixtures("events")
async def test_numbers_of_visits_that_are_behind_say_so(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        use_gap(connection, timedelta(minutes=30))
        while step(connection).entries:
            pass
        assert (await result(postgres)).notices == []
        connection.execute(
            "insert into visit_queue (added_at, events, event_ids) values (now() - interval '2 minutes', 7, '{}')"
        )
        (notice,) = (await result(postgres)).notices
        assert "about 7 events" in notice
        assert (await result(postgres, ("button", "!none"))).notices == [], "these are not of visits"
        drain(connection)
        use_gap(connection, timedelta(minutes=20))
        assert ["derived again" in each for each in (await result(postgres)).notices] == [True]
        connection.execute("alter view visits_progress rename column pending to of_an_older_version")
        assert (await result(postgres)).notices == []


async def test_filters_add_up_and_programs_are_left_out_with_their_count(
    events: list[Event], postgres: str
) -> None:
    found = await result(postgres, ("page", "/pricing"), ("page", "/app"), ("type", "!button_click"), country="DE")
    selected = [
        each
        for each in events
        if each["page"] in ("/pricing", "/app")
        and each["event_type"] != "button_click"
        and each.get("country") == "DE"
    ]
    assert found.totals[-1].current == sum(map(is_person, selected))
    assert found.left_out == len(selected) - found.totals[-1].current > 0
    assert sum(step.sum for step in found.steps) == found.totals[-1].current


async def test_every_panel_with_a_filter_counts_its_values(events: list[Event], postgres: str) -> None:
    panels = (await result(postgres, ("button", "!none"), programs="1")).panels
    filtered = {panel.name: panel.filter for panel in HISTORY.values() if panel.name != "custom_events"}
    assert set(filtered.values()) == FILTERS.keys()
    for name, panel in HISTORY.items():
        if name not in (filtered.keys() & panels.keys()) or panel.counted is None:
            continue
        value_of = VALUES[panel.filter]
        of_views = panel.columns[1].title == "Views"
        counted = Counter(value_of(e) for e in events if not of_views or e["event_type"] == "page_view")
        del counted[None]
        # Errors are ranked by people, and measurements have a value in front of their count.
        place = {"errors": 1, "web_vitals": 4, "features": 3}.get(name, panel.counted)
        shown = {row: cells[place] for row, cells in panels[name].items() if not row.endswith("count:3")}
        assert shown == counted, name
    feature = [e for e in events if VALUES[PROPERTY](e) == "feature_used.feature:export_data"]
    assert panels["features"]["feature_used.feature:export_data"] == [
        "export_data", "feature_used", "feature", len(feature), people(feature),
    ]  # fmt: skip


async def test_a_panel_alone_has_only_the_names_with_the_text(events: list[Event], postgres: str) -> None:
    found = await result(postgres, panel="features", search="EXPORT")
    assert list(found.panels) == ["features"]
    assert list(found.panels["features"]) == ["feature_used.feature:export_data"]
    assert list((await result(postgres, panel="pages", search="pric")).panels["pages"]) == ["/pricing"]
    assert (await result(postgres, panel="errors", search="nothing like it")).panels == {"errors": {}}


async def test_without_programs_every_panel_but_theirs_counts_people_only(
    events: list[Event], postgres: str
) -> None:
    panels = (await result(postgres, ("button", "!none"))).panels
    devices = Counter(e["device"]["kind"] for e in events if is_person(e))
    assert {name: cells[0] for name, cells in panels["devices"].items()} == devices
    assert panels["programs"] == {"Googlebot": [sum(not is_person(e) for e in events)]}
    assert sum(cells[0] for cells in panels["forms"].values()) == sum(
        is_person(e) and e["event_type"] == "form_submit" for e in events
    )


TOTALS = """
    select count(distinct person), count(*), coalesce(sum(views), 0), coalesce(round(avg(views), 2), 0)::float8,
        coalesce(round(100.0 * count(*) filter (where bounced) / nullif(count(*) filter (where views > 0), 0), 1), 0)::float8,
        coalesce(round(extract(epoch from percentile_cont(0.5) within group (order by duration))::numeric, 1), 0)::float8,
        coalesce(round(100.0 * count(*) filter (where '/pricing' = any (pages)) / nullif(count(*), 0), 1), 0)::float8
    from visits where {}
"""


async def test_the_top_row_and_panels_of_visits_are_what_the_view_says(
    events: list[Event], connection: psycopg.Connection, postgres: str
) -> None:
    use_gap(connection, timedelta(minutes=30))
    drain(connection)
    assert (await result(postgres)).totals[1].current > 0, "there are visits"
    for params, where in (
        ([], "true"),
        ([("source", "(direct)")], "channel = 'direct'"),
        ([("page", "/"), ("country", "!DE")], "'/' = any (pages) and country is distinct from 'DE'"),
        ([("route", "/:any")], "'/:any' = any (routes)"),
        (
            [("type", "form_submit"), ("device", "desktop")],
            "'form_submit' = any (event_types) and device = 'desktop'",
        ),
    ):
        found = await result(postgres, *params, goal="page:/pricing")
        (expected,) = connection.execute(TOTALS.format(where)).fetchall()
        assert tuple(total.current for total in found.totals[:-1]) == expected
        assert [total.name for total in found.totals][-2:] == ["Conversion", "Events"]
        for name in ("entry_page", "entry_route", "exit_page", "exit_route"):
            of_name = f"select {name}, count(*), count(distinct person) from visits where {{}} group by 1"
            rows = connection.execute(of_name.format(where)).fetchall()
            assert found.panels[f"{name}s"] == {page: [*counts] for page, *counts in rows if page is not None}


# Random questions per change of the rows; more in a long run.
QUESTIONS = int(os.environ.get("HISTORY_QUESTIONS", "1"))
ODD = ["", "/", "NULL", "\\N", '"', "a,b", "é\n\r\nü", "\t'", "100 % off"]
VITALS = ["LCP", "CLS", "INP", "own metric"]


def events_of(chance: Random, first: int, end: int, count: int) -> list[tuple[bytes | None, bytes]]:
    """Records of all kinds of events whose ids are of a time, with odd texts."""
    made = []
    for fields in page_views(chance.randrange(1 << 30), count):
        moment = chance.randrange(first, end)
        kind, data = chance.choice(
            [
                ("page_view", {"page": chance.choice(ODD)}),
                (
                    "error_encountered",
                    {"message": f"{chance.choice(ODD)} {chance.randrange(99)}", "kind": "TypeError"},
                ),
                ("error_encountered", {"message": "x" * 200, "source": "/a/b.js", "page": "/p"}),
                ("form_submit", {"form": chance.choice(ODD), "success": chance.choice([True, False, None])}),
                (
                    "web_vital",
                    {"metric": chance.choice(VITALS), "value": chance.choice([0.1, 200, 1e3 / 3, 4000])},
                ),
                ("button_click", {"button": chance.choice(ODD)}),
                ("click", {"element": chance.choice(ODD), "place": chance.randrange(3)}),
            ]
        )
        if data.get("success", 0) is None:
            del data["success"]
        changes = {
            "event_id": fresh_id(moment),
            "event_type": kind,
            "event_data": data,
            "received_at": moment + 5,
            "occurred_at": moment - chance.randrange(100_000),
        }
        made.append((record_key(fields["user_key"]), encoded(fields | changes)))
    return made


def random_question(chance: Random, today: datetime) -> list[tuple[str, str]]:
    """Parameters of the history page."""
    params = {
        "tz": chance.choice(["UTC", "Asia/Kathmandu", "America/New_York"]),
        "step": chance.choice(["hour", "day"]),
    }
    if chance.random() < 0.5:
        params["range"] = chance.choice(["24h", "7d", "30d"])
    else:
        first = today - timedelta(days=chance.randrange(14))
        params |= {"from": f"{first:%Y-%m-%d}", "to": f"{first + timedelta(days=chance.randrange(4)):%Y-%m-%d}"}
    params["measure"] = chance.choice(["events", "visits", "p75_lcp", "p75_cls"])
    if chance.random() < 0.7:
        params |= chance.choice([{"compare": "1"}, {"compare": "segment", "against": "page=/&type=!click"}])
    values = {
        "type": ["page_view", "error_encountered"],
        "page": ["/", "/pricing"],
        "device": ["desktop", "bot"],
        "source": ["(direct)", "news.example"],
        "country": ["DE"],
        "site": ["shop"],
        "campaign": ["100 % off"],
        "prop": ["click.place:1", "click.element:a,b"],
    }
    if chance.random() < 0.3:
        params["programs"] = "1"
    if chance.random() < 0.5:
        params["goal"] = chance.choice(["type:form_submit", "page:/", "page:é\n\r\nü"])
    if chance.random() < 0.3:
        params |= {"panel": chance.choice(list(HISTORY)), "search": chance.choice(["", "A", "é"])}
    names = chance.sample(list(values), chance.choice([0, 0, 1, 2]))
    chosen = [
        (name, value)
        for name in names
        for value in chance.sample(values[name], chance.randint(1, 1 + (len(values[name]) > 1)))
    ]
    return [*params.items(), *((name, chance.choice(["", "!"]) + value) for name, value in chosen)]


def lose_and_damage(files: list[Path]) -> None:
    for place, path in enumerate(files):
        if place % 2:
            path.unlink()
        else:
            path.write_bytes(b"PAR1")


async def test_column_files_answer_like_sql_over_the_rows_whatever_happens_to_them(
    store: PostgresStore,
    connection: psycopg.Connection,
    postgres: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows land late, are erased, packed and dropped; after each change random questions are asked both ways."""
    seed = int(os.environ.get("HISTORY_SEED", "1"))
    reader = conninfo.make_conninfo(postgres, options="-c role=footfall_reader")
    chance, now, database = Random(seed), now_ms(), Database(at(reader))
    midnight, today = now // DAY * DAY, datetime.now(UTC)
    landed = Landed(store)
    columns = Columns(tmp_path / "columns ' $tz", database, LAYOUT, VISIT_LAYOUT, retention_days=20)
    service = HistoryService(database, columns)
    rows_alone = HistoryService(database)

    def land(first: int, end: int, count: int = 60) -> None:
        landed.land(events_of(chance, first, end, count), now)

    def erase(name: str) -> None:
        until = datetime.now(UTC) + timedelta(days=1)
        erasure.request(connection, user_key(name), until, name)
        erasure.remove(connection, name, until)

    def maintained(retention: RetentionSettings) -> None:
        list(maintain(connection, today=today.date(), retention=retention))

    async def agree() -> None:
        drain(connection)
        for _ in range(QUESTIONS):
            params = random_question(chance, today)
            query = parse_query(params, datetime.now(UTC), 20)
            rows_alone._visits.clear()
            found, expected = await service.run(query), await rows_alone.run(query)
            for each in ("totals", "panels", "left_out"):
                assert getattr(found, each) == getattr(expected, each), (seed, params)
            assert {name: list(rows) for name, rows in found.panels.items()} == {
                name: list(rows) for name, rows in expected.panels.items()
            }
            assert sorted(found.vital_steps) == sorted(expected.vital_steps), (seed, params)
            assert set(map(tuple, found.visit_steps)) == set(map(tuple, expected.visit_steps)), (seed, params)
            assert found.read, "column files answered"
            if query.filters or not query.programs:  # else the SQL takes the roll-ups
                assert (found.steps, found.previous_sums) == (expected.steps, expected.previous_sums)
            assert sum(step.sum for step in found.steps) == found.totals[-1].current
            rows_alone._cache.clear()

    use_gap(connection, timedelta(minutes=30))
    for days_ago in (13, 12, 3, 1):
        land(midnight - days_ago * DAY, midnight - (days_ago - 1) * DAY, 150)
    land(midnight, now, 100)
    everything = parse_query({"range": "30d"}, datetime.now(UTC), 20)
    with monkeypatch.context() as patched:
        patched.setattr("dashboard.columns.service._MAX_ROWS", 0)
        assert (await service.run(everything)).read is None  # files have to be made first
        service._cache.clear()
    await agree()
    assert columns._folder.files, "what questions read is stored"
    await columns.build_round()
    await agree()
    whole_days = [file for file in columns._folder.files if file.end - file.first == DAY]
    assert len(whole_days) == 4
    summaries = columns._folder.summaries.values()
    assert {stem for stems in summaries for stem in stems} >= {stem_of(file.path) for file in whole_days}
    assert any(len(stems) > 1 for stems in summaries), "those of several days are one"
    service._visits.clear()
    await agree()
    assert all(version for _until, version, _found in service._visits.values()), "files answered for visits, too"
    land(now - HOUR, now)  # in the open hours
    await agree()
    land(midnight - 3 * DAY, midnight - 3 * DAY + 2 * HOUR, 30)  # late, of closed hours
    await agree()
    maintained(RetentionSettings(pack_after_days=7))
    await agree()
    land(midnight - 12 * DAY, midnight - 11 * DAY, 20)  # late, of a packed day
    await agree()
    erase("ann")
    await agree()
    await columns.build_round()
    land(now - 2 * HOUR, now)
    await agree()
    maintained(RetentionSettings(retention_days=12))  # two days are dropped
    await agree()
    # What is stored may be lost, or damaged, at any time.
    filtered = parse_query({"range": "30d", "button": "!none"}, datetime.now(UTC), 20)
    for query, damaged in (
        (everything, list(columns._folder.summaries)),
        (filtered, [file.path for file in columns._folder.files]),
        (
            everything,
            [file.path for file in columns._visits.folder.files],
        ),
    ):
        lose_and_damage([Path(path) for path in damaged])
        for each in (service._cache, service._visits, rows_alone._visits):
            each.clear()
        assert (await service.run(query)).totals == (await rows_alone.run(query)).totals
        await columns.build_round()
        await agree()
    land(now - 3 * HOUR, now)
    await agree()
    shutil.rmtree(columns.engine.scratch)
    service._cache.clear()
    service._visits.clear()
    assert (await service.run(everything)).totals == (await rows_alone.run(everything)).totals
    service._cache.clear()
    assert (await service.run(everything)).read, "what is gone is read again"
    await agree()
    columns.close()
    assert not list((tmp_path / "columns ' $tz").glob("scratch-*"))
