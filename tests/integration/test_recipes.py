"""The recipes of examples/, run against Postgres. Those that need packages of their own run with `make sql`."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from avro_schemas.event_types import describe_event_types
from avro_schemas.record_key import record_key
from sinks.postgres.store import PostgresStore
from tests.support.days import Landed, noon
from tests.support.events import encoded, event, fresh_id, now_ms, user_key

EXAMPLES = Path(__file__).parents[2] / "examples"
TODAY = datetime.now(UTC).date()
DAYS = 3

pytestmark = pytest.mark.integration
heavy = pytest.mark.skipif("SQL_ENGINES" not in os.environ, reason="installs packages and takes minutes: make sql")


@pytest.fixture
def landed(store: PostgresStore) -> Landed:
    """An event of every type, today and on the days before."""
    made = Landed(store)
    for back in range(DAYS):
        land(made, now_ms() if back == 0 else noon(TODAY - timedelta(days=back)))
    return made


def land(landed: Landed, at: int) -> None:
    events = []
    for example in (each["example"] for each in describe_event_types()):
        # What the collector removes: the device is in the head.
        data = {name: value for name, value in example["event_data"].items() if name != "user_agent"}
        head = {"event_id": fresh_id(at), "session_key": user_key("ann"), "route": "/r", "source": "google.com"}
        events.append(event(example["event_type"], at, event_data=data, **head))
    assert landed.land([(record_key(None), encoded(fields)) for fields in events], at).rows == len(events)


def expanded(query: str) -> str:
    """A query of Grafana as its data source for Postgres sends it."""
    now = datetime.now(UTC)
    begin, end = (
        "'" + moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") + "'"
        for moment in (now - timedelta(days=7), now + timedelta(minutes=5))
    )
    query = query.replace("$__interval", "1h").replace("$site", "'default','shop'")
    query = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN {begin} AND {end}", query)
    query = query.replace("$__timeFrom()", begin).replace("$__timeTo()", end)
    group = r'floor(extract(epoch from \1)/3600)*3600 AS "time"'
    return re.sub(r"\$__timeGroupAlias\((\w+), 1h\)", group, query)


def test_every_panel_of_grafana_shows_something_and_reads_no_other_days(
    landed: Landed, connection: psycopg.Connection
) -> None:
    dashboard = json.loads((EXAMPLES / "grafana" / "dashboard.json").read_text())
    queries = {panel["title"]: panel["targets"][0]["rawSql"] for panel in dashboard["panels"]}
    queries["sites"] = dashboard["templating"]["list"][0]["query"]
    uids = {panel["datasource"]["uid"] for panel in dashboard["panels"]}
    (source,) = yaml.safe_load((EXAMPLES / "grafana/provisioning/datasources/footfall.yaml").read_text())[
        "datasources"
    ]
    assert uids == {source["uid"]}
    connection.execute("set search_path = public")
    for title, query in queries.items():
        text = expanded(query)
        assert "$" not in text, title
        rows = connection.execute(text.encode()).fetchall()
        assert rows, title
        assert any(rows[0]), title
        plan = connection.execute(b"explain (analyze, timing off) " + text.encode()).fetchall()
        read = {
            day
            for (line,) in plan
            if "never executed" not in line
            for day in re.findall(r"raw_events_(\d{8})", line)
        }
        assert all(day >= f"{TODAY - timedelta(days=7):%Y%m%d}" for day in read), title
    views = connection.execute(expanded(queries["Page views"]).encode()).fetchall()
    assert sum(count for _time, count in views) == DAYS


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of their own, with the packages that the recipes need."""
    folder = tmp_path_factory.mktemp("recipes")
    uv, made = Path(sys.executable).with_name("uv"), folder / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    # The newest dbt-core builds a part that is not in the package index.
    packages = ["dbt-core~=1.11.0", "dbt-postgres", "pandas", "sqlalchemy", "psycopg[binary]", "polars", "pyarrow"]
    packages += ["adbc-driver-postgresql", "duckdb"]
    subprocess.run([uv, "pip", "install", "--quiet", "--python", made, *packages], check=True)
    return made


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with Spark: 450 MB. `SPARK_PYTHON` is one that is there already."""
    if given := os.environ.get("SPARK_PYTHON"):
        return Path(given)
    folder = tmp_path_factory.mktemp("spark")
    uv, made = Path(sys.executable).with_name("uv"), folder / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", made, "pyspark~=4.0"], check=True)
    return made


def run(command: list[Any], folder: Path, environ: dict[str, str]) -> str:
    ran = subprocess.run(
        command, cwd=folder, env=os.environ | environ, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@heavy
@pytest.mark.timeout(600)
def test_data_frames_and_duckdb(landed: Landed, postgres: str, python: Path, tmp_path: Path) -> None:
    environ = {"FOOTFALL_POSTGRES_DSN": as_url(postgres)}
    printed = {
        name: run([python, EXAMPLES / path, *arguments], tmp_path, environ)
        for name, path, *arguments in (
            ("pandas", "pandas/routes.py"),
            ("polars", "polars/vitals.py"),
            ("duckdb", "duckdb/to_parquet.py", f"{TODAY}", "day.parquet"),
        )
    }
    assert printed["pandas"].splitlines()[0] == "route,views,visits"
    assert f",{DAYS},1" in printed["pandas"]
    assert re.search(rf"^LCP,.*,1234.5,{DAYS}$", printed["polars"], re.MULTILINE)
    assert re.search(r"page_view\D+1\b", printed["duckdb"])
    assert (tmp_path / "day.parquet").stat().st_size > 0


@heavy
@pytest.mark.timeout(600)
def test_spark(landed: Landed, postgres: str, spark: Path, tmp_path: Path) -> None:
    printed = run(
        [spark, EXAMPLES / "spark" / "event_types.py"], tmp_path, {"FOOTFALL_POSTGRES_DSN": as_url(postgres)}
    )
    types = [each["example"]["event_type"] for each in describe_event_types()]
    assert sorted(printed.splitlines()) == sorted(f"{name},{DAYS},1" for name in types)


@heavy
@pytest.mark.timeout(600)
def test_dbt(landed: Landed, connection: psycopg.Connection, postgres: str, python: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES / "dbt", tmp_path / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    parts = psycopg.conninfo.conninfo_to_dict(postgres)
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "DATABASE"}
    environ = {f"FOOTFALL_POSTGRES_{name}": str(parts[part]) for part, name in names.items()}
    dbt = python.with_name("dbt")
    run([dbt, "source", "freshness"], folder, environ)
    run([dbt, "build"], folder, environ)
    views = "select count(*), count(distinct event_id) from analytics.page_views"
    assert connection.execute(views.encode()).fetchone() == (DAYS, DAYS)
    land(landed, now_ms())
    built = run([dbt, "build"], folder, environ)
    assert "ERROR=0" in built
    assert connection.execute(views.encode()).fetchone() == (DAYS + 1, DAYS + 1)
    compiled = (folder / "target/compiled/footfall/models/page_views.sql").read_text()
    assert "events_between('20" in compiled, "it asks for the days that can have new events"


def as_url(dsn: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    return "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**parts)
