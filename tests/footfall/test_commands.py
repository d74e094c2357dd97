"""Commands that need nothing to run: their words and their exit codes."""

import json

import pytest
from typer.testing import CliRunner

from avro_schemas.event_types import describe_event_types, event_type_names
from footfall.cli import build

CLICK = {"event_type": "click", "event_data": {"element": "buy"}}


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
