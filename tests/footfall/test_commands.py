"""Commands that need nothing to run: their words and their exit codes."""

import json

import pytest
from typer.testing import CliRunner

from avro_schemas.event_types import describe_event_types, event_type_names
from footfall.cli import build
from footfall.doctor.services import of_clock, of_metrics, of_readiness

CLICK = {"event_type": "click", "event_data": {"element": "buy"}}
NOON_DATE = "Mon, 15 Jan 2024 12:00:00 GMT"
NOON_SECONDS = 1_705_320_000.0
WELL = {
    "footfall_collector_kafka_available": 1.0,
    "footfall_collector_cluster_limits_active": 1.0,
    "footfall_collector_spool_events": 0.0,
    "footfall_collector_spool_age_seconds": 0.0,
}


def run(command: str, *arguments: str, given: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(build(command), [command, *arguments], input=given)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "event", [each["example"] for each in describe_event_types()], ids=lambda e: e["event_type"]
)
def test_the_example_of_every_type_is_valid(event: object) -> None:
    assert run("validate", json.dumps(event)) == (0, "The event is valid; nothing was recorded\n")


def test_validate_says_what_is_wrong_where_and_what_came_instead() -> None:
    code, said = run("validate", "-", given=json.dumps([CLICK, {"event_type": "clik", "event_data": 7}]))
    assert code == 1
    assert "/1/event_type" in said
    assert 'did you mean "click"?' in said
    assert "got: whole number" in said
    assert "1 of 2 events valid" in said


def test_validate_prints_what_the_collector_would_answer() -> None:
    code, said = run("validate", "--json", json.dumps([CLICK]))
    assert code == 0
    assert json.loads(said)["results"] == [{"index": 0, "event_id": None, "status": "accepted"}]


def test_validate_refuses_what_is_no_json() -> None:
    code, said = run("validate", "{")
    assert code == 1
    assert "valid JSON" in said


def test_custom_events_without_a_line_in_the_catalogue_can_be_allowed() -> None:
    event = json.dumps({"event_type": "tea_made", "event_data": {}})
    assert run("validate", event)[0] == 1
    assert run("validate", "--any-custom", event)[0] == 0


def test_types_lists_all_and_shows_one() -> None:
    code, said = run("types", "list")
    assert code == 0
    assert all(name in said for name in event_type_names())
    code, said = run("types", "show", "page_view")
    assert code == 0
    assert "referrer" in said
    assert json.loads(run("types", "show", "page_view", "--json")[1])["schema"]["required"] == ["page"]
    code, said = run("types", "show", "pageview")
    assert code == 1
    assert 'Did you mean "page_view"?' in said


def test_bench_lists_what_there_is() -> None:
    listed = run("bench")[1].split()
    assert listed == ["collect", "collect_steps", "end_to_end", "layout", "live", "recovery", "sink", "stream"]
    assert run("bench", "nothing")[0] == 1


@pytest.mark.parametrize(("more", "part", "state"), [
    ({}, "spool", "ok"),
    ({"footfall_collector_spool_events": 3.0, "footfall_collector_spool_age_seconds": 9.0}, "spool", "warn"),
    ({"footfall_collector_spool_errors_total|damaged": 1.0}, "spool", "fail"),
    ({"footfall_collector_cluster_limits_active": 0.0}, "limits", "warn"),
])  # fmt: skip
def test_the_doctor_reads_the_metrics(more: dict[str, float], part: str, state: str) -> None:
    (finding,) = [finding for finding in of_metrics(WELL | more) if finding.part == part]
    assert (finding.state, bool(finding.fix)) == (state, state != "ok")


def test_the_doctor_compares_clocks() -> None:
    assert [finding.state for finding in of_clock(NOON_DATE, NOON_SECONDS + 1.5)] == ["ok"]
    (ahead,) = of_clock(NOON_DATE, NOON_SECONDS - 60)
    assert (ahead.state, ahead.found) == ("warn", "the collector's clock is 60 s ahead of this machine's")
    assert of_clock(None, NOON_SECONDS) == []


def test_the_doctor_says_what_services_wait_for() -> None:
    (finding,) = of_readiness(503, '{"status": "waiting for limits"}')
    assert finding.state == "fail"
    assert "limits" in finding.found
