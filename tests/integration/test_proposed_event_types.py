"""Proposed event types, out of a real Postgres: what arrived and is not in the catalogue."""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from httpx import ASGITransport
from typer.testing import CliRunner

from avro_schemas import custom_events_file
from avro_schemas.event_types import custom_events, event_type_names
from dashboard.app import build_app
from dashboard.event_types import proposed, routes
from dashboard.event_types.proposed import Listing, Property, find_proposed
from dashboard.event_types.routes import AS_JSON, PAGE, EventTypeService
from dashboard.settings import Settings
from dashboard.sql import Database
from footfall.cli import build
from service_kit.kafka.settings import KafkaSettings
from service_kit.settings import Secret
from sinks.postgres.store import PostgresStore
from tests.support.database import at
from tests.support.days import Landed, noon
from tests.support.events import encoded, event, fresh_id
from tests.support.json_lines import json_lines

TODAY = datetime.now(UTC).date()
EVIL = "<img src=x onerror=alert(1)>"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

Find = Callable[..., Listing]


@pytest.fixture
def landed(store: PostgresStore) -> Landed:
    return Landed(store)


@pytest.fixture
def find(postgres: str) -> Find:
    async def read(**options: Any) -> Listing:
        async with Database(at(postgres)).reading() as connection:
            since = datetime.now(UTC) - timedelta(days=90)
            return await find_proposed(connection, event_type_names(), since, **options)

    return lambda **options: asyncio.run(read(**options))


def land(landed: Landed, event_type: str, *data: dict[str, Any], day: int = 0) -> None:
    at = noon(TODAY - timedelta(days=day))
    made = [event(event_type, at, event_id=fresh_id(at + n), event_data=each) for n, each in enumerate(data)]
    landed.land([(None, encoded(fields)) for fields in made], at)


def test_what_is_not_in_the_catalogue_is_proposed_by_count(landed: Landed, find: Find) -> None:
    landed.on(TODAY, *custom_events())
    land(landed, "tea_made", {"cups": 1, "kind": "oolong"}, day=2)
    land(
        landed, "tea_made", {"cups": 2}, {"cups": None, "kind": "mint"}, {"cups": 1, "milk": {"fat": 3}, "l": [1]}
    )
    land(landed, "page_veiw", {"page": EVIL})
    listing = find()
    assert [(each.event_type, each.events) for each in listing.proposed] == [("tea_made", 4), ("page_veiw", 1)]
    tea, typo = listing.proposed
    assert tea.last_hour - tea.first_hour == timedelta(days=2)
    assert tea.example is not None
    assert tea.example.event_data == {"cups": 1, "kind": "oolong"}
    # The newest events are read, those of the last hour that has any.
    assert tea.properties == [
        Property("cups", ["number", "null"], 1.0),
        Property("kind", ["string"], 0.33),
        Property("l", ["array"], 0.33),
        Property("milk", ["object"], 0.33),
    ]
    assert (typo.suggestion, tea.suggestion) == ("page_view", None)
    assert json.loads(json.dumps(tea.as_json()))["example"]["event_data"] == {"cups": 1, "kind": "oolong"}


def test_what_is_read_and_listed_is_bounded(landed: Landed, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, bound in {"MAX_LISTED": 5, "MAX_DETAILED": 2, "MAX_EVENTS": 3, "MAX_PROPERTIES": 4}.items():
        monkeypatch.setattr(proposed, name, bound)
    land(landed, "most", *({f"p{n % 7}{m}": n for m in range(10)} for n in range(9)))
    land(landed, "more", {}, {})
    for number in range(6):
        land(landed, f"name_{number}", {"n": 1})
    listing = find()
    assert len(listing.proposed) == 5
    assert listing.is_cut
    assert [len(each.properties) for each in listing.proposed] == [4, 0, 0, 0, 0]
    assert [each.example is not None for each in listing.proposed] == [True, True, False, False, False]
    late = find(max_seconds=-1)
    assert [each.example for each in late.proposed] == [None] * 5
    assert [each.events for each in late.proposed] == [each.events for each in listing.proposed]


def test_names_beyond_the_bound_of_postgres_are_counted_as_others(postgres: str, find: Find) -> None:
    store = PostgresStore(at(postgres), cluster_id="c", topic="events", owner="t", max_proposed_event_types=1)
    store.prepare()
    landed = Landed(store)
    for name in ("a", "b", "c"):
        land(landed, name, {"n": 1})
    store.close()
    listing = find()
    assert [each.event_type for each in listing.proposed] == ["a"]
    assert listing.other_events == 2


async def test_the_page_shows_what_clients_chose_as_text_only(landed: Landed, postgres: str) -> None:
    land(landed, "page_veiw", {"page": EVIL, EVIL: 1})
    land(landed, "addToCart", {})
    settings = Settings(
        kafka=KafkaSettings(kafka_bootstrap="localhost:1"), postgres_dsn=Secret(postgres), trust_loopback=True
    )
    transport = ASGITransport(build_app(settings), client=("127.0.0.1", 4242))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        page, listed = await client.get(PAGE), (await client.get(AS_JSON)).json()
    assert EVIL not in page.text
    assert "&lt;img src=x" in page.text
    assert "Did somebody mean <code>page_view</code>?" in page.text
    assert "Send it as <code>add_to_cart</code>" in page.text
    assert [(each["event_type"], each["can_be_accepted"]) for each in listed["proposed"]] == [
        ("addToCart", False),
        ("page_veiw", True),
    ]
    assert {each["event_type"] for each in listed["catalogue"]} == event_type_names()


async def test_many_readers_ask_postgres_once(
    landed: Landed, postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(landed, "tea_made", {"cups": 2})
    asked = list[int]()
    find = proposed.find_proposed

    async def counted(connection: Any, known: Any, since: Any) -> Listing:
        asked.append(len(known))
        return await find(connection, known, since)

    monkeypatch.setattr(routes, "find_proposed", counted)
    service = EventTypeService(Database(at(postgres)), tmp_path, 90)
    answers = await asyncio.gather(*(service.read() for _ in range(20)))
    assert [[each.event_type for each in answer.listing.proposed] for answer in answers] == [["tea_made"]] * 20
    assert len(asked) == 1
    # What was accepted is not proposed any more, at once.
    custom_events_file.add(tmp_path, "tea_made", "Somebody made tea.")
    assert (await service.read()).listing.proposed == []
    assert len(asked) == 2


async def test_before_the_first_event_and_without_tables_the_page_says_so(postgres_server: str) -> None:
    for dsn, says in {
        postgres_server: "No events yet",
        "postgresql://localhost:1/x": "Postgres is unavailable",
    }.items():
        settings = Settings(
            kafka=KafkaSettings(kafka_bootstrap="localhost:1"), postgres_dsn=Secret(dsn), trust_loopback=True
        )
        transport = ASGITransport(build_app(settings), client=("127.0.0.1", 4242))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            page = await client.get(PAGE)
            assert (await client.get(AS_JSON)).status_code == 503
        assert page.status_code == 200
        assert says in page.text


class Commands:
    """`footfall types …` with a Postgres and a folder."""

    def __init__(self, postgres: str, folder: Path) -> None:
        self.folder = folder
        self._environ = {"FOOTFALL_POSTGRES_DSN": postgres, "FOOTFALL_DATA_DIR": str(folder / "data")}

    def run(self, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(build("types"), ["types", *arguments], env=self._environ)
        return result.exit_code, result.output


@pytest.fixture
def commands(postgres: str, tmp_path: Path) -> Commands:
    return Commands(postgres, tmp_path)


def test_a_proposed_name_is_accepted_and_not_proposed_any_more(landed: Landed, commands: Commands) -> None:
    land(landed, "tea_made", {"cups": 2})
    into = ("--into", str(commands.folder))
    assert "tea_made" in commands.run("proposed", *into)[1]
    code, shown = commands.run("proposed", "tea_made", *into)
    assert code == 0
    assert all(part in shown for part in ("cups", "number", "100%", '"cups": 2', "footfall types accept tea_made"))
    assert json_lines(commands.run("proposed", "--json", *into)[1])[0]["properties"][0]["name"] == "cups"
    code, output = commands.run("accept", "tea_made", "--about", "Somebody made tea.", *into)
    assert (code, "tea_made: Somebody made tea." in output) == (0, True)
    assert custom_events_file.read(commands.folder) == {"tea_made": "Somebody made tea."}
    assert commands.run("accept", "tea_made", *into) == (0, "tea_made is in the catalogue already.\n")
    assert "Nothing is proposed" in commands.run("proposed", *into)[1]


def test_a_name_that_did_not_arrive_is_not_accepted_by_mistake(landed: Landed, commands: Commands) -> None:
    land(landed, "tea_made", {"cups": 2})
    into = ("--into", str(commands.folder))
    for mistyped, meant in {"tea_maed": "tea_made", "page_veiw": "page_view"}.items():
        code, output = commands.run("accept", mistyped, *into)
        assert code == 1
        assert f'Did you mean "{meant}"?' in output
    assert custom_events_file.read(commands.folder) == {}
    assert commands.run("accept", "coffee_made", "--new", *into)[0] == 0
    assert list(custom_events_file.read(commands.folder)) == ["coffee_made"]
    code, output = commands.run("proposed", "tea_maed", *into)
    assert (code, 'Did you mean "tea_made"?' in output) == (1, True)


def test_without_a_folder_the_command_says_what_to_set(landed: Landed, commands: Commands) -> None:
    land(landed, "tea_made", {"cups": 2})
    code, output = commands.run("accept", "tea_made")
    assert code == 1
    assert "FOOTFALL_CONTRACT" in output
    assert "tea_made: No description yet." in output


def test_names_are_not_looked_for_in_events_but_for_the_hours_that_have_them(
    landed: Landed, find: Find, connection: psycopg.Connection
) -> None:
    """However many days there are, one is read: the plan has no other partition."""
    land(landed, "tea_made", {"cups": 2}, day=3)
    landed.on(TODAY, "click")
    (hour,) = connection.execute("select min(hour) from events_hourly").fetchone() or ()
    params = {"hour": hour, "names": ["tea_made"], "max_events": 9, "max_properties": 9}
    for name in ("first_events", "properties"):
        plan = connection.execute(b"explain (costs off) " + proposed.queries[name], params).fetchall()
        days = {day for (line,) in plan for day in re.findall(r"raw_events_\d+", line)}
        assert len(days) == 1, plan
