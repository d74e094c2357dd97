"""The commands on a healthy stack, and on one with faults."""

import json
import os
import signal

import pytest

from tests.support.json_lines import json_lines
from tests.system.stack import Stack, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def test_doctor_finds_no_fault_in_a_healthy_stack(stack: Stack) -> None:
    result = stack.footfall("doctor")
    assert result.returncode == 0, result.stdout + result.stderr
    assert {line[:4] for line in result.stdout.splitlines()} == {"ok  "}
    parts = {line.split()[1] for line in result.stdout.splitlines()}
    assert parts == {
        *("kafka", "topics", "version", "replicas", "lag", "clock"),
        *("services", "workers", "senders", "spool", "limits", "registry", "postgres", "days", "disk"),
    }


def test_doctor_finds_a_reader_that_stands_still(stack: Stack) -> None:
    sinks = stack.state["services"]["sinks"]["pid"]
    event = {"event_type": "test_event", "event_data": {"source": "doctor"}}
    assert stack.post(event).status_code == 200
    # Sinks that have never landed anything are another finding.
    assert until(lambda: stack.rows_by_type().get("test_event"), bool, seconds=60)
    os.kill(sinks, signal.SIGSTOP)
    try:
        assert stack.post(event).status_code == 200
        result = stack.footfall("doctor", "--json")
    finally:
        os.kill(sinks, signal.SIGCONT)
    assert result.returncode == 1
    failed = {
        finding["part"]: finding["message"] for finding in json_lines(result.stdout) if finding["state"] == "fail"
    }
    assert "sinks: stands still" in failed["lag"]
    assert "does not answer" in failed["workers"]
    assert until(lambda: stack.footfall("doctor").returncode, (0).__eq__, seconds=60) == 0


def test_doctor_reports_faults_with_fixes_while_kafka_is_frozen(stack: Stack) -> None:
    broker = stack.state["services"]["kafka"]["pid"]
    os.kill(broker, signal.SIGSTOP)
    try:
        result = stack.footfall("doctor", "--json")
    finally:
        os.kill(broker, signal.SIGCONT)
    assert result.returncode == 1
    failed = [finding for finding in json_lines(result.stdout) if finding["state"] == "fail"]
    assert "kafka" in {finding["part"] for finding in failed}
    assert all(finding["fix"] for finding in failed)
    assert until(lambda: stack.get("/readyz").status_code, (200).__eq__, seconds=60) == 200


def test_doctor_needs_a_running_stack(stack: Stack) -> None:
    result = stack.footfall("doctor", environ={"FOOTFALL_DATA_DIR": str(stack.folder / "none")})
    assert result.returncode == 1
    assert "footfall up" in result.stderr


def test_nothing_that_is_shown_of_rejected_events_has_what_accepted_ones_lose(stack: Stack) -> None:
    page, agent = (
        "https://shop.example/reset?token=SECRET1&session=a#b",
        "Mozilla/5.0 (X11; SECRET2) Firefox/143.0",
    )
    mails = {
        "title": "to SECRET3@mail.example",
        "properties": {"nested": [{"url": "/invite/SECRET4a1b2c3d4e5f6"}]},
    }
    wrong = {
        "event_type": "page_view",
        "event_data": {"page": page, "user_agent": agent, **mails},
        "user_id": "SECRET5",
    }
    assert stack.post(wrong).status_code == 400
    assert stack.post(json.dumps(wrong)[:-1].replace("@", "\\u0040").encode()).status_code == 400
    opted_out = wrong | {"event_type": "SECRET6"}
    assert stack.post(opted_out, headers={"Sec-GPC": "1"}).status_code == 400

    def listed() -> list[dict[str, str]]:
        result = stack.footfall("dead-letters", "list", "--json", "--last", "1000")
        return json_lines(result.stdout)

    shown = until(listed, lambda found: len(found) >= 3 and not all(each["body"] for each in found), seconds=60)
    assert "shop.example/reset" in str(shown)
    pages = [stack.get(path).text for path in ("/", "/dashboard/snapshot.json")]
    assert "SECRET" not in f"{shown}{pages}{stack.footfall('dead-letters', 'list', '--last', '1000').stdout}"


def test_rejected_events_are_listed_shown_in_full_and_counted_on_the_dashboard(stack: Stack) -> None:
    event = {"event_type": "never_heard_of", "event_data": {"mail": "somebody@example.org"}}
    assert stack.post(event).status_code == 400

    def listed() -> list[dict[str, str]]:
        result = stack.footfall("dead-letters", "list", "--type", "never_heard_of", "--json")
        return json_lines(result.stdout)

    (dead_letter,) = until(listed, bool, seconds=60)
    assert dead_letter["reason"] == "event_type_unknown"
    assert json.loads(dead_letter["body"]) == event | {"event_data": {"mail": "[email]"}}
    assert json.loads(stack.footfall("dead-letters", "show", dead_letter["position"]).stdout) == dead_letter
    assert "never_heard_of" in stack.footfall("dead-letters", "list", "--last", "1000").stdout
    assert stack.footfall("dead-letters", "show", "0:999999").returncode == 1
    shown = until(
        lambda: stack.get("/dashboard/snapshot.json").json()["panels"],
        lambda panels: "event_type_unknown" in [row["reason"] for row in panels["rejected_reasons"]],
        seconds=60,
    )
    assert "never_heard_of" in {row["type"] for row in shown["rejected_events"]}


def test_our_own_registry_has_the_ids_that_push_expects(stack: Stack) -> None:
    result = stack.footfall("registry", "push", stack.url + "/registry", "--dry-run")
    assert result.returncode == 0, result.stdout + result.stderr
    nothing_there = stack.footfall("registry", "push", stack.url + "/nowhere")
    assert nothing_there.returncode == 1
    assert "is this a schema registry" in nothing_there.stderr


def test_lag_shows_each_readers_lag(stack: Stack) -> None:
    stack.post({"event_type": "scroll", "event_data": {"position": 1}})
    caught_up = until(
        lambda: stack.footfall("lag", "--max", "0"), lambda result: result.returncode == 0, seconds=60
    )
    assert caught_up.returncode == 0, caught_up.stdout + caught_up.stderr
    assert "stream app" in caught_up.stdout
    result = json_lines(stack.footfall("lag", "--json").stdout)
    assert {(each["reader"], each["partition"]) for each in result} == {
        (name, number) for name in ("stream app", "sinks") for number in range(12)
    }


def test_an_erased_user_has_no_rows_left_and_the_audit_adds_up(empty_stack: Stack) -> None:
    sent = [{"event_type": "scroll", "event_data": {"position": n}} for n in range(3)]
    empty_stack.post(sent, headers=empty_stack.session(sub="ann"))
    empty_stack.post(sent[:1], headers=empty_stack.session(sub="bob"))
    assert until(empty_stack.rows_by_type, {"scroll": 4}.__eq__, seconds=60) == {"scroll": 4}

    (counted,) = json_lines(empty_stack.footfall("erase", "--user", "ann", "--dry-run", "--json").stdout)
    assert counted["rows"] == 3
    assert empty_stack.rows_by_type() == {"scroll": 4}
    result = empty_stack.footfall("erase", "--user", "ann")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 rows" in result.stdout
    assert empty_stack.rows_by_type() == {"scroll": 1}
    request, *guests = empty_stack.records("erasures")
    assert (request["user_key"], request["scope"]) == (counted["user_key"], "user")
    assert {guest["scope"] for guest in guests} <= {"guest"}

    # As if an older backup of Postgres was restored: the topic still knows whom to erase.
    again = json_lines(empty_stack.footfall("erase", "--reapply", "--json").stdout)
    assert [(each["user_key"], each["rows"]) for each in again] == [(counted["user_key"], 3)]
    audited = empty_stack.footfall("audit")
    assert audited.returncode == 0, audited.stdout
    assert "Everything adds up." in audited.stdout


def test_an_erasure_needs_a_user(stack: Stack) -> None:
    for options, message in ((), "Name one"), (("--visitor", "abc"), "abc is not a key"):
        result = stack.footfall("erase", *options)
        assert result.returncode == 2
        assert message in result.stderr


def test_dead_letters_are_counted_and_replayed(stack: Stack) -> None:
    counted = stack.footfall("replay", "--json")
    assert counted.returncode == 0, counted.stderr
    assert json.loads(stack.footfall("replay", "--execute", "--json").stdout)["rows"] == 0
