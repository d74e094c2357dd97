"""Answers of the Stats API as CSV and Parquet."""

import csv
import io
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx

from dashboard.stats_api.files import PARQUET, as_csv
from dashboard.stats_api.routes import PATH
from dashboard.stats_api.table import Column, Table
from tests.dashboard.stats_api.asking import answer


async def test_a_file_has_a_name_and_the_rows_that_are_asked_for(client: httpx.AsyncClient) -> None:
    path = f"{PATH}/breakdown?by=metric&from=2026-11-20&to=2026-11-21"
    got = await client.get(f"{path}&format=csv&limit=1&offset=1")
    assert got.headers["content-disposition"] == 'attachment; filename="footfall-breakdown-20261120-20261121.csv"'
    assert (got.headers["footfall-total-rows"], len(got.text.splitlines())) == ("2", 2)
    assert (await client.get(path, headers={"accept": PARQUET})).content.startswith(b"PAR1")
    head = await client.head(f"{path}&format=csv")
    assert (head.status_code, head.headers["etag"]) == (
        200,
        (await client.get(f"{path}&format=csv")).headers["etag"],
    )


async def test_counts_are_whole_numbers_in_parquet_even_where_none_is_known(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    names = ["people", "views_per_visit", "bounce_rate", "median_duration", "events", "p75_cls", "errors"]
    got = await client.get(f"{PATH}/series?range=24h&format=parquet&compare=previous&metrics={','.join(names)}")
    (file := tmp_path / "series.parquet").write_bytes(got.content)
    with duckdb.connect() as connection:
        found = connection.sql(f"from '{file}'")
        types = dict(zip(found.columns, map(str, found.types), strict=True))
    whole = {name for name, type_ in types.items() if type_ == "BIGINT"}
    assert whole == {"people", "previous_people", "events", "previous_events"}
    assert {type_ for name, type_ in types.items() if name not in whole} == {"DOUBLE", "TIMESTAMP WITH TIME ZONE"}


async def test_a_file_has_the_rows_of_the_json(client: httpx.AsyncClient, tmp_path: Path) -> None:
    for path in (
        "totals?compare=previous",
        "series?range=24h&tz=Europe/Berlin",
        "breakdown?by=error",
        "breakdown?by=prop",
    ):
        rows = (await answer(client, path))["rows"]
        as_csv = await client.get(f"{PATH}/{path}", headers={"accept": "text/csv"})
        read = list(csv.DictReader(io.StringIO(as_csv.text, newline="")))
        assert read == [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
        assert (as_csv.headers["footfall-is-cut"], as_csv.headers["footfall-program-events-left-out"]) == (
            "false",
            "17",
        )
        file = tmp_path / "table.parquet"
        file.write_bytes((await client.get(f"{PATH}/{path}&format=parquet")).content)
        with duckdb.connect() as connection:
            found = connection.sql(f"select *{_as_text(rows)} from '{file}'")
            stored = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        times = [name for name in rows[0] if name in ("start", "first", "last")]
        for row, other in zip(rows, stored, strict=True):
            moments = {name: datetime.fromisoformat(row[name]).timestamp() for name in times}
            assert other == row | moments


def _as_text(rows: list[dict[str, Any]]) -> str:
    times = [name for name in rows[0] if name in ("start", "first", "last")]
    shown = ", ".join(f'epoch("{name}") as "{name}"' for name in times)
    return f" replace ({shown})" if shown else ""


def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe() -> None:
    table = Table([Column("name", "text")], [{"name": "=1+1"}])
    assert as_csv(table).splitlines() == ["name", "'=1+1"]
