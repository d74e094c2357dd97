"""Exported files have the audited rows: in each format, after kills, late rows and erasures, in folders and buckets."""

import csv
import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg
import pytest
from typer.testing import CliRunner

from avro_schemas.record_key import record_key
from footfall.cli import build
from service_kit.bucket import Bucket
from sinks import erasure
from sinks.postgres.event_views import EVENT_COLUMNS
from sinks.postgres.store import PostgresStore
from tests.integration.test_audit import ANN, OLD, TODAY, event_id, land
from tests.support import kill_points
from tests.support.days import Landed, noon
from tests.support.events import encoded, event
from tests.support.json_lines import json_lines

pytestmark = pytest.mark.integration

BOTH = {str(OLD): "exported", str(TODAY): "exported"}
UNCHANGED = dict.fromkeys(BOTH, "unchanged")
EXPORTED = (
    "select event_id, event_data::text, user_key, occurred_at from events where day = %s order by event_uuid"
)
Export = Callable[..., dict[str, str]]


@pytest.fixture
def export(postgres: str, tmp_path: Path) -> Export:
    """Runs the command: the state of each day."""
    environ = {"FOOTFALL_POSTGRES_DSN": postgres, "FOOTFALL_DATA_DIR": str(tmp_path / "data")}

    def run(place: Path | str, *arguments: str, status: int = 0) -> dict[str, str]:
        command = ["export", str(place), "--to", str(TODAY), "--json", *arguments]
        ran = CliRunner().invoke(build("export"), command, env=environ)
        assert ran.exit_code == status, ran.output
        return {line["day"]: line["state"] for line in json_lines(ran.stdout)}

    return run


def test_an_export_has_the_audited_rows_and_says_what_has_to_be_made_again(
    store: PostgresStore, connection: psycopg.Connection, export: Export, tmp_path: Path
) -> None:
    land(store, connection)
    odd = [
        encoded(
            event("click", noon(OLD), event_id=event_id(noon(OLD), 900 + n), user_key=None, event_data={"n": text})
        )
        for n, text in enumerate(("", "a,b", 'say "no"', "two\nlines", "tab\t\\N", "é 漢"))
    ]
    Landed(store).land([(record_key(None), each) for each in odd], noon(OLD))
    for format in ("parquet", "csv", "jsonl"):
        assert export(tmp_path / format, "--format", format) == BOTH
        assert export(tmp_path / format) == UNCHANGED
        assert not [path.name for path in (tmp_path / format).iterdir() if path.name.startswith(".")]
    facts = json.loads((tmp_path / "parquet" / "manifest.json").read_text())["days"]
    with duckdb.connect() as reader:
        for day in (OLD, TODAY):
            rows = connection.execute(EXPORTED, [day]).fetchall()
            found = reader.sql(f"from '{tmp_path}/parquet/events-{day}.parquet'")
            assert found.columns == list(EVENT_COLUMNS)
            shown = "select event_id, event_data, user_key, epoch_us(occurred_at) from found"
            stored = [(*row[:3], round(row[3].timestamp() * 1e6)) for row in rows]
            assert reader.sql(shown).fetchall() == stored
            of_day = facts[str(day)]
            assert (of_day["rows"], of_day["first_event_id"], of_day["last_event_id"]) == (
                len(rows),
                rows[0][0],
                rows[-1][0],
            )
            lines = json_lines((tmp_path / "jsonl" / f"events-{day}.jsonl").read_text())
            assert [(line["event_id"], line["event_data"]) for line in lines] == [
                (row[0], json.loads(row[1])) for row in rows
            ]
            with (tmp_path / "csv" / f"events-{day}.csv").open(newline="") as file:
                assert [(line["event_id"], line["event_data"]) for line in csv.DictReader(file)] == [
                    row[:2] for row in rows
                ]
    assert export(tmp_path / "parquet", "--format", "csv", status=2) == {}
    assert export(tmp_path / "parquet", "--check") == UNCHANGED
    # A file that was cut off, rows that landed later, and a user that was erased.
    (tmp_path / "csv" / f"events-{TODAY}.csv").write_text("event_id\n")
    assert export(tmp_path / "csv", "--check", status=1) == {str(OLD): "unchanged", str(TODAY): "damaged"}
    assert export(tmp_path / "csv") == {str(OLD): "unchanged", str(TODAY): "exported"}
    Landed(store).on(TODAY, "click")
    assert export(tmp_path / "csv", "--check", status=1) == {str(OLD): "unchanged", str(TODAY): "changed"}
    now = datetime.now(UTC) + timedelta(days=1)
    erasure.request(connection, ANN, now, "receipt")
    erasure.remove(connection, "receipt", now)
    assert export(tmp_path / "parquet", "--check", status=1) == dict.fromkeys(BOTH, "erased")
    assert export(tmp_path / "parquet") == BOTH
    assert ANN.hex().encode() not in (tmp_path / "parquet" / f"events-{OLD}.parquet").read_bytes()
    # Rows that are missing: the day is not exported, and the file of before remains as it was.
    connection.execute("delete from raw_events")
    before = (tmp_path / "csv" / f"events-{TODAY}.csv").read_bytes()
    assert export(tmp_path / "csv", "--from", str(TODAY), status=1) == {str(TODAY): "differs"}
    assert (tmp_path / "csv" / f"events-{TODAY}.csv").read_bytes() == before


# Where an export of two days is killed: while rows arrive, between the steps of a day, and between days.
KILLED = [
    ("footfall.export.rows:_write_csv", "after", 1),
    ("footfall.export.rows:_write_parquet", "after", 2),
    ("footfall.export.places:InFolder.publish", "after", 1),
    ("footfall.export.places:InFolder.write", "after", 1),
]


def killed(export: Export, folder: Path, point: str, when: str, count: int) -> None:
    """Run an export in a process that kills itself at a point."""
    if (child := os.fork()) == 0:
        kill_points.arm(point, when, count)
        export(folder)
        os._exit(1)  # it was not killed
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, point


def test_an_export_that_was_killed_anywhere_goes_on_and_has_the_same_rows(
    store: PostgresStore, connection: psycopg.Connection, export: Export, tmp_path: Path
) -> None:
    land(store, connection)
    stored = {
        f"events-{day}.parquet": [row[0] for row in connection.execute(EXPORTED, [day])] for day in (OLD, TODAY)
    }
    with duckdb.connect() as reader:
        for number, (point, when, count) in enumerate(KILLED):
            folder = tmp_path / str(number)
            killed(export, folder, point, when, count)
            # What has a name is complete, and what the manifest says is so.
            left = {path.name for path in folder.iterdir() if not path.name.startswith(".")} - {"manifest.json"}
            assert left <= stored.keys()
            again = export(folder)
            done = json.loads((folder / "manifest.json").read_text())["days"]
            assert again.keys() == done.keys() == BOTH.keys(), point
            assert {path.name for path in folder.iterdir()} == {*stored, "manifest.json"}, point
            for name in stored:
                rows = reader.sql(f"select event_id from '{folder / name}'").fetchall()
                assert [row[0] for row in rows] == stored[name], point


def test_each_night_a_bucket_gets_new_days_and_those_that_changed(
    store: PostgresStore, connection: psycopg.Connection, export: Export, bucket_url: str, tmp_path: Path
) -> None:
    land(store, connection)
    bucket, (old, today) = Bucket(bucket_url), (f"events-{day}.jsonl" for day in BOTH)
    assert export(bucket_url, "--format", "jsonl", "--to", str(TODAY - timedelta(days=1))) == {
        str(OLD): "exported"
    }
    first = bucket.find(old)
    assert export(bucket_url) == {str(OLD): "unchanged", str(TODAY): "exported"}
    assert bucket.find(old) == first
    assert export(tmp_path, "--format", "jsonl") == BOTH
    for name in (old, today):
        assert bucket.read(name) == (tmp_path / name).read_bytes()
    Landed(store).on(OLD, "click")
    assert export(bucket_url, "--check", status=1) == {str(OLD): "changed", str(TODAY): "unchanged"}
    assert export(bucket_url) == {str(OLD): "exported", str(TODAY): "unchanged"}
    # Somebody else writes to the bucket.
    bucket.write(today, b"")
    assert export(bucket_url, "--check", status=1) == {str(OLD): "unchanged", str(TODAY): "damaged"}
    assert export(bucket_url) == {str(OLD): "unchanged", str(TODAY): "exported"}
    assert export(bucket_url, "--check") == UNCHANGED
