"""Commands that work without a running stack: output and exit codes."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from avro_schemas.event_types import describe_event_types, event_type_names
from footfall.cli import build

CLICK = {"event_type": "click", "event_data": {"element": "buy"}}


def run(command: str, *arguments: str, stdin: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(build(command), [command, *arguments], input=stdin)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "event", [each["example"] for each in describe_event_types()], ids=lambda e: e["event_type"]
)
def test_the_example_of_every_type_is_valid(event: object) -> None:
    assert run("validate", json.dumps(event)) == (0, "The event is valid; nothing was recorded\n")


def test_validate_reports_each_fault_with_its_place_and_what_it_got() -> None:
    code, output = run("validate", "-", stdin=json.dumps([CLICK, {"event_type": "clik", "event_data": 7}]))
    assert code == 1
    assert "/1/event_type" in output
    assert 'did you mean "click"?' in output
    assert "got: whole number" in output
    assert "1 of 2 events valid" in output


def test_validate_prints_the_collectors_response() -> None:
    code, output = run("validate", "--json", json.dumps([CLICK]))
    assert code == 0
    assert json.loads(output)["results"] == [{"index": 0, "event_id": None, "status": "accepted"}]


def test_validate_rejects_invalid_json() -> None:
    code, output = run("validate", "{")
    assert code == 1
    assert "valid JSON" in output


def test_unknown_events_can_be_accepted() -> None:
    event = json.dumps({"event_type": "tea_made", "event_data": {}})
    assert run("validate", event)[0] == 1
    code, output = run("validate", "--accept-unknown", event)
    assert code == 0
    assert 'hint: "tea_made" is not in the catalogue' in output


def test_types_lists_all_and_shows_one() -> None:
    code, output = run("types", "list")
    assert code == 0
    assert all(name in output for name in event_type_names())
    code, output = run("types", "show", "page_view")
    assert code == 0
    assert "referrer" in output
    assert json.loads(run("types", "show", "page_view", "--json")[1])["schema"]["required"] == ["page"]
    code, output = run("types", "show", "pageview")
    assert code == 1
    assert 'Did you mean "page_view"?' in output


def test_bench_lists_the_benchmarks() -> None:
    listed = run("bench")[1].split()
    assert listed == [
        "collect",
        "collect_steps",
        "end_to_end",
        "hostile_requests",
        "layout",
        "live",
        "recovery",
        "sink",
        "stream",
    ]
    assert run("bench", "nothing")[0] == 1


def test_all_erasures_are_repeated_or_one_user_is_erased() -> None:
    code, output = run("erase", "--reapply", "--user", "ann")
    assert code == 1
    assert "name nobody" in output


def test_a_postgres_that_is_away_is_a_sentence_and_a_wrong_schema_another() -> None:
    environ = {"FOOTFALL_POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/none"}
    for more, code, sentence in (
        ({}, 1, "Postgres: connection failed"),
        (
            {"FOOTFALL_POSTGRES_SCHEMA": "pg_own"},
            2,
            "FOOTFALL_POSTGRES_SCHEMA must be a name of lower-case letters",
        ),
    ):
        ran = subprocess.run(
            [sys.executable, "-m", "footfall", "audit"],
            env=environ | more,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == code
        assert sentence in ran.stderr
        assert "Traceback" not in ran.stderr
