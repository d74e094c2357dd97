"""A dashboard that starts with an empty folder has the column files of its bucket, and makes none from Postgres."""

import asyncio
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from dashboard.columns.day_files import DayFiles
from dashboard.columns.service import Columns
from dashboard.columns.visit_files import VisitFiles
from dashboard.history.service import LAYOUT
from dashboard.history.visits import VISIT_LAYOUT
from dashboard.sql import Database
from service_kit.bucket import Bucket
from sinks.postgres.store import PostgresStore
from sinks.visits.derive import drain
from sinks.visits.queue import use_gap
from tests.integration.test_audit import land
from tests.support.database import at

pytestmark = pytest.mark.integration


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.glob("[!s]*/*") if path.is_file()}


async def test_files_of_a_bucket_are_made_once(
    store: PostgresStore,
    connection: psycopg.Connection,
    postgres: str,
    bucket_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_gap(connection, timedelta(minutes=30))
    land(store, connection)
    drain(connection)

    async def built(name: str) -> Path:
        columns = Columns(tmp_path / name, Database(at(postgres)), LAYOUT, VISIT_LAYOUT, 90, Bucket(bucket_url))
        await asyncio.wait_for(columns.build_round(), 60)
        columns.close()
        return tmp_path / name

    made = files(await built("one"))
    assert {Path(name).suffix for name in made} >= {".parquet", ".summary"}
    assert len({Path(name).parent for name in made}) == 2, "of events and of visits"
    in_bucket = {
        f"{folder}/{name}"
        for folder in {str(Path(each).parent) for each in made}
        for name in Bucket(bucket_url).list(folder)
    }
    assert in_bucket == made.keys()

    def none_are_made(*_arguments: object) -> None:
        raise AssertionError("rows were read from Postgres")

    monkeypatch.setattr(DayFiles, "made", none_are_made)
    monkeypatch.setattr(VisitFiles, "_made", none_are_made)
    abandoned = "0123456789ab/20261120-00-24h-0123456789abcdef.parquet"
    Bucket(bucket_url).write(abandoned, b"of an earlier version")
    (tmp_path / "two" / abandoned).parent.mkdir(parents=True)
    (tmp_path / "two" / abandoned).write_bytes(b"of an earlier version")
    monkeypatch.setattr("dashboard.columns.folder._ABANDONED_SECONDS", -1.0)
    assert files(await built("two")) == made
    assert Bucket(bucket_url).find(abandoned) is None
