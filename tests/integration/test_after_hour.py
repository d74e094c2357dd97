"""Column files and rows that land when their hour is over: read as they are stored, and alone, as far as they are noted."""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from dashboard.columns.layout import VisitLayout
from dashboard.columns.plan import DAY, HOUR, FilesMissing, Source
from dashboard.columns.reader import Reading
from dashboard.columns.select import rows_of
from dashboard.columns.service import Columns
from dashboard.columns.snapshot import Snapshot
from dashboard.history.service import LAYOUT
from dashboard.history.visits import VISIT_LAYOUT
from dashboard.sql import Database
from service_kit.retention import RetentionSettings
from sinks import erasure
from sinks.landing.rows import decode_batch
from sinks.postgres import after_hour
from sinks.postgres.store import PostgresStore
from sinks.retention.maintenance import maintain
from sinks.visits.derive import drain
from sinks.visits.queue import use_gap
from tests.support.database import at
from tests.support.days import Landed
from tests.support.events import Record, encoded, event, fresh_id, now_ms, user_key

pytestmark = pytest.mark.integration


def records(moments: list[int], name: str = "ann") -> list[tuple[bytes | None, bytes]]:
    made = [event("page_view", each, event_id=fresh_id(each), user_key=user_key(name)) for each in moments]
    return [(None, encoded(each)) for each in made]


class Follower:
    """Asks column files, and compares their rows with those that are stored."""

    def __init__(self, root: Path, dsn: str) -> None:
        self._root, self._dsn = root, dsn
        self.columns = self._new()

    def _new(self) -> Columns:
        return Columns(self._root, Database(at(self._dsn)), LAYOUT, VISIT_LAYOUT, retention_days=20)

    def restart(self) -> None:
        self.columns.close()
        self.columns = self._new()

    async def read(self, first: int, end: int) -> Reading:
        """Of the hours that overlap a period, all rows of it."""
        found = await self.columns.reading(first, end, lambda _version: False)
        with psycopg.connect(self._dsn) as connection:
            period = [datetime.fromtimestamp(each / 1000, UTC) for each in (first, end)]
            stored = connection.execute(
                "select milliseconds_of(occurred_at), page from events_between(%s, %s)", period
            ).fetchall()
        rows = rows_of(found.sources) or "select 0 as occurred, '' as page, 0 as ms where false"
        where = f"ms >= {first} and ms < {end}"
        read = self.columns.engine.session().rows(f"select occurred, page from ({rows}) where {where}")
        assert Counter(read) == Counter(stored)
        return found

    async def read_visits(self, first: int, end: int) -> Sequence[Source]:
        """Of the hours that overlap a period, all visits that began in it."""
        found = (await self.columns.visits(first, end)).sources
        with psycopg.connect(self._dsn) as connection:
            period = [datetime.fromtimestamp(each / 1000, UTC) for each in (first, end)]
            stored = connection.execute(
                "select milliseconds_of(started_at), views, person::uuid, (extract(epoch from duration) * 1000000)::bigint"
                " from visits where started_at >= %s and started_at < %s",
                period,
            ).fetchall()
        rows = rows_of(found) or VISIT_LAYOUT.no_rows
        where = f"ms >= {first} and ms < {end}"
        read = self.columns.engine.session().rows(
            f"select ms, views, person, duration from ({rows}) where {where}"
        )
        assert Counter(read) == Counter(stored)
        return found


@pytest.fixture
def follower(tmp_path: Path, postgres: str) -> Iterator[Follower]:
    made = Follower(tmp_path / "columns", postgres)
    yield made
    made.columns.close()


async def test_whatever_lands_in_any_hour_is_read_as_it_is_stored(
    store: PostgresStore,
    connection: psycopg.Connection,
    follower: Follower,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_gap(connection, timedelta(minutes=30))
    chance, landed = Random(int(os.environ.get("HISTORY_SEED", "1"))), Landed(store)
    names = ["ann", "bob", "cem", "dan"]

    def a_time() -> int:
        """Of the open hour, at and around the bounds of steps; or of the two days before."""
        now = now_ms()
        if chance.random() < 0.5:
            return now // 5000 * 5000 - chance.randrange(200) * 5000 + chance.choice([-1, 0, 1])
        return now - chance.randrange(2 * DAY)

    def erase(name: str) -> None:
        until = datetime.now(UTC) + timedelta(days=1)
        erasure.request(connection, user_key(name), until, name)
        erasure.remove(connection, name, until)

    for _ in range(30):
        match chance.choice(["land"] * 6 + ["many", "unnoted", "forget", "erase", "restart"] + ["build"] * 3):
            case "land":
                landed.land(
                    records([a_time() for _ in range(chance.randrange(1, 9))], chance.choice(names)), now_ms()
                )
            case "many":
                landed.land(records([a_time() for _ in range(150)], "dan"), now_ms())
            case "unnoted":
                with monkeypatch.context() as patched:
                    patched.setattr(after_hour, "_MAX_SHARE", 0)
                    patched.setattr(after_hour, "_MAX_OF_SMALL_BATCH", 0)
                    landed.land(records([a_time() for _ in range(5)], "dan"), now_ms())
            case "forget":
                connection.execute("truncate visit_changes, rows_after_hour")
            case "erase":
                if len(names) > 1:
                    erase(names.pop(0))
            case "build":
                await follower.columns.build_round()
            case "restart":
                follower.restart()
        drain(connection)
        now = now_ms() + 1
        first = now - chance.randrange(1, 2 * DAY)
        end = chance.randrange(first + 1, now + 1)
        await follower.read(first, end)
        with suppress(FilesMissing):
            await follower.read_visits(first, end)
    await follower.columns.build_round()
    await follower.read(now_ms() - 2 * DAY, now_ms())
    await follower.read_visits(now_ms() - 2 * DAY, now_ms())


async def test_only_what_landed_since_is_read_from_postgres(
    store: PostgresStore, connection: psycopg.Connection, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed, midnight = Landed(store), now_ms() // DAY * DAY
    start = midnight - DAY
    landed.land(records([start + n * HOUR // 20 for n in range(480)]), now_ms())
    await follower.columns.build_round()
    before = follower.columns._folder.files

    def none_are_made(*_arguments: object) -> None:
        raise AssertionError("an hour was read again")

    # As after a restore from a dump: of a database that had had more transactions.
    connection.execute(
        "insert into rows_after_hour (day, landed_in, event_ids)"
        " select day_of(event_id), '99999999999', array_agg(event_id) from raw_events group by 1"
    )
    with monkeypatch.context() as patched:
        patched.setattr(Snapshot, "csv_files", none_are_made)
        for late in range(1, 12):
            landed.land(records([start + late * HOUR + 7]), now_ms())
            assert (await follower.read(start, midnight)).rows == late
            assert (await follower.read(start, start + 3 * HOUR)).rows == min(late, 2)
            await follower.columns.build_round()
            assert follower.columns._folder.files == before, "a file is not written again for a few rows"
        follower.restart()
        await follower.columns.build_round()
        assert (await follower.read(start, midnight)).rows == 11
        landed.land(records([start + 3 * HOUR + n for n in range(30)]), now_ms())
        await follower.columns.build_round()
        assert (await follower.read(start, midnight)).rows == 0, "the file was written again"
        landed.land(records([start, start + HOUR]), now_ms())
        assert (await follower.read(start, midnight)).rows == 2
    landed.land(records([start]), now_ms())
    connection.execute("truncate rows_after_hour")
    assert (await follower.read(start, midnight)).rows == 22 + 1, "an hour is read again, of another what landed"


async def test_only_visits_that_changed_since_are_read_from_postgres(
    store: PostgresStore, connection: psycopg.Connection, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_gap(connection, timedelta(minutes=30))
    landed, midnight = Landed(store), now_ms() // DAY * DAY
    start = midnight - DAY

    def land(*moments: int, name: str) -> None:
        landed.land(records([*moments], name), now_ms())
        drain(connection)

    visitors = [(hour, number) for hour in range(24) for number in range(10)]
    landed.land(
        [each for hour, n in visitors for each in records([start + hour * HOUR + n * 1000], f"{hour} {n}")],
        now_ms(),
    )
    drain(connection)
    await follower.columns.build_round()
    before = {file.path for file in follower.columns._visits.folder.files}

    def none_are_made(*_arguments: object) -> None:
        raise AssertionError("an hour was read again")

    def read(self: Snapshot, layout: VisitLayout, times: Sequence[datetime], new_path: Any) -> Iterator[Path]:
        read_again.extend(times)
        return read_visits(self, layout, times, new_path)

    read_again, read_visits = list[datetime](), Snapshot.csv_files_of_visits
    with monkeypatch.context() as patched:
        patched.setattr(Snapshot, "csv_files", none_are_made)
        patched.setattr(Snapshot, "csv_files_of_visits", read)
        land(start + 5 * HOUR + 5, start + 8 * HOUR + 500, name="5 0")  # one goes on, and there is another one
        land(start + 7 * HOUR - 1, name="7 0")  # it began an hour earlier
        await follower.read_visits(start, midnight)
        assert len(read_again) == 4
        for number in range(10):
            await follower.read_visits(start, start + number * HOUR)
            land(start + 9 * HOUR + number * 1000 + 7, name=f"9 {number}")
            await follower.read_visits(start, midnight)
        assert len(read_again) == 4 + 10
        await follower.columns.build_round()
        assert {file.path for file in follower.columns._visits.folder.files} == before
        follower.restart()
        await follower.columns.build_round()
        await follower.read_visits(start, midnight)
        assert len(read_again) == 2 * (4 + 10)
        for number in range(5):
            land(start + 11 * HOUR + number * 1000 + 7, name=f"11 {number}")
        await follower.columns.build_round()
        (renewed,) = await follower.read_visits(start, midnight)
        assert renewed.path not in before, "the file was written again"
        land(start + 13 * HOUR + 7, name="13 0")
        land(start + 14 * HOUR + 7, name="14 0")
        await follower.read_visits(start, midnight)
    land(start + 13 * HOUR + 1007, name="13 1")
    connection.execute("truncate visit_changes")
    await follower.read_visits(start, midnight)
    assert (await follower.read_visits(start + 13 * HOUR, start + 14 * HOUR))[0].path.startswith(
        str(follower.columns.engine.scratch)
    )


async def test_visits_that_go_on_are_read_alone(
    store: PostgresStore, connection: psycopg.Connection, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_gap(connection, timedelta(minutes=30))
    landed, now = Landed(store), now_ms()
    start = now - 2 * HOUR
    hours = [start // HOUR * HOUR + n * HOUR for n in range(3)]

    def land(*moments: int, name: str) -> None:
        landed.land(records([*moments], name), now_ms())
        drain(connection)

    for number in range(40):
        land(start + number * 60_000, name=str(number))
    await follower.read_visits(start, now)

    def none_are_made(*_arguments: object) -> None:
        raise AssertionError("an hour was read again")

    with monkeypatch.context() as patched:
        patched.setattr(Snapshot, "csv_files", none_are_made)
        for number in range(40):
            land(start + number * 60_000 + 5_000, name=str(number))
            assert len(await follower.read_visits(start, now)) <= 2 * len(hours) + 1
    assert len(follower.columns._visits._own) <= len(hours)


async def test_rows_of_a_transaction_that_was_open_when_a_file_was_made_are_not_lost(
    store: PostgresStore, follower: Follower, postgres: str
) -> None:
    landed, start = Landed(store), now_ms() // DAY * DAY - DAY
    landed.land(records([start + n for n in range(100)]), now_ms())
    loop = asyncio.get_running_loop()

    def make_files(_result: object) -> None:
        asyncio.run_coroutine_threadsafe(follower.columns.build_round(), loop).result(30)

    other = PostgresStore(at(postgres), cluster_id="cluster", topic="events", owner="other")
    other.claim({1: 0})
    late = [Record(0, now_ms(), None, records([start + 5])[0][1])]
    await asyncio.to_thread(other.write, decode_batch({1: late}, {1: 0}), make_files)
    other.close()
    assert [file.hours for file in follower.columns._folder.files] == [{start: 100}]
    assert (await follower.read(start, start + DAY)).rows == 1


def test_what_is_noted_is_deleted_after_three_days_and_of_visits_that_went_on_after_an_hour(
    store: PostgresStore, connection: psycopg.Connection
) -> None:
    connection.execute(
        "insert into rows_after_hour (day, landed_at, event_ids)"
        " select current_date, now() - hours * interval '1 hour', '{}' from unnest(array[1, 47, 97]) as hours"
    )
    connection.execute(
        "insert into visit_changes (hour, version, version_before, changed_at, started_at)"
        " select now() - (hours + age) * interval '1 hour', hours, 0, now() - hours * interval '1 hour', '{}'"
        " from unnest(array[0, 2, 3, 47, 97], array[1, 3, 5, 5, 5]) as changes (hours, age)"
    )
    list(maintain(connection, today=datetime.now(UTC).date(), retention=RetentionSettings()))
    rows, changes = (
        connection.execute(query).fetchall()
        for query in (
            b"select round(extract(epoch from now() - landed_at) / 3600)::int from rows_after_hour order by 1",
            b"select version from visit_changes order by 1",
        )
    )
    assert [each for (each,) in rows] == [1, 47]
    assert [each for (each,) in changes] == [0, 3, 47]
