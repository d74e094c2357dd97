"""A first user's path: start, post the examples, see them counted and landed, stop, start again; what was logged."""

import json
import re
import shlex
import signal
import subprocess
import time
import uuid
from pathlib import Path

import httpx
import psutil
import pytest
from confluent_kafka import Producer

from tests.support.events import encoded, event, now_ms
from tests.system.stack import COLLECT, Stack, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

PAGE_VIEW = {
    "event_type": "page_view",
    "event_data": {"page": "/dashboard", "referrer": "/login", "user_agent": "Mozilla/5.0..."},
    "timestamp": "2024-01-15T10:30:00Z",
}
FEATURE_USED = {"event_type": "feature_used", "event_data": {"feature": "export_data"}}
LIST = [
    {"event_type": "scroll", "event_data": {"position": 500}},
    {"event_type": "click", "event_data": {"element": "nav_menu"}},
]
LOCAL_TEST = """
curl -X POST http://localhost:3000/api/analytics/collect \\
-H "Content-Type: application/json" \\
-d '{
"event_type": "test_event",
"event_data": {"source": "manual_test"}
}'
"""


def test_the_first_examples_are_accepted_counted_and_landed(first_stack: Stack) -> None:
    posted_at = time.monotonic()
    for example in (PAGE_VIEW, FEATURE_USED):
        answer = first_stack.post(example)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body.keys() == {"success", "event_id", "message"}
        assert (body["success"], body["message"]) == (True, "Event recorded successfully")
        assert re.fullmatch(r"evt_[0-9a-f]{32}", body["event_id"])

    answer = first_stack.post(LIST)
    assert answer.status_code == 200, answer.text
    assert [(r["index"], r["status"]) for r in answer.json()["results"]] == [(0, "accepted"), (1, "accepted")]

    curl = LOCAL_TEST.replace("3000", str(first_stack.port)).replace("\\\n", " ")
    printed = subprocess.run(shlex.split(curl), capture_output=True, text=True, check=True)
    assert '"success":true' in printed.stdout.replace(" ", "")

    expected = {"page_view": 1, "feature_used": 1, "scroll": 1, "click": 1, "test_event": 1}
    assert until(first_stack.rows_by_type, expected.__eq__, seconds=60) == expected
    snapshot = until(
        lambda: first_stack.get("/dashboard/snapshot.json").text, lambda text: "test_event" in text, 5
    )
    assert "test_event" in snapshot
    assert time.monotonic() - posted_at < 10  # docs/performance.md has the real figure; a busy machine is slower
    assert first_stack.live("total") == expected
    # The page view of 2024 is stored as sent and counted as late.
    assert until(lambda: first_stack.live("late"), bool, seconds=60) == {"page_view": 1}
    assert "test_event" in first_stack.get("/").text


def test_the_row_has_what_was_sent(first_stack: Stack) -> None:
    ((event_type, occurred_at, page, event_data, time_flag),) = first_stack.query(
        "select event_type, occurred_at::text, page, event_data, time_flag from events where page is not null"
    )
    assert (event_type, page, time_flag) == ("page_view", "/dashboard", "past")
    assert occurred_at.startswith("2024-01-15 10:30:00")
    # The user agent is stored only as classes.
    assert event_data == {"page": "/dashboard", "referrer": "/login"}


def test_explain_shows_where_an_event_is(first_stack: Stack) -> None:
    event_id = first_stack.post(FEATURE_USED).json()["event_id"]
    result = until(
        lambda: first_stack.footfall("explain", event_id), lambda done: done.returncode == 0, seconds=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "landed" in result.stdout.lower()


def test_new_counts_are_pushed_to_the_live_page(first_stack: Stack) -> None:
    with httpx.stream("GET", first_stack.url + "/dashboard/stream", timeout=10) as stream:
        lines = stream.iter_lines()
        next(lines)
        first_stack.post({"event_type": "scroll", "event_data": {"position": 900}})
        before = first_stack.live("total").get("scroll", 0)
        assert any('"scroll"' in line for line in lines if line.startswith("data:")), before


def test_a_closed_page_no_longer_counts_as_a_viewer(first_stack: Stack) -> None:
    def viewers() -> str:
        lines = first_stack.get("/metrics").text.splitlines()
        return next(line.split()[1] for line in lines if line.startswith("footfall_dashboard_viewers "))

    with httpx.stream("GET", first_stack.url + "/dashboard/stream", timeout=10) as stream:
        lines = stream.iter_lines()  # a reference, because a collected iterator closes the stream
        next(lines)
        assert viewers() == "1.0"
    first_stack.post(FEATURE_USED)  # the server notices when it next sends something
    assert until(viewers, "0.0".__eq__, seconds=60) == "0.0"


def test_a_second_start_on_the_same_data_reports_the_running_one(first_stack: Stack) -> None:
    second = first_stack.footfall("up")
    assert second.returncode == 1
    assert first_stack.url in second.stdout + second.stderr


def test_after_a_stop_nothing_is_running_and_after_a_start_all_data_is_there(first_stack: Stack) -> None:
    rows, counts = first_stack.rows_by_type(), first_stack.live("total")
    ports = {first_stack.port, int(first_stack.state["kafka"].rsplit(":", 1)[1])}
    assert first_stack.stop(signal.SIGINT) < 12
    assert first_stack.left_over() == []
    assert not ports & {c.laddr.port for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN}

    first_stack.output.write_text("")
    first_stack.start()
    assert first_stack.rows_by_type() == rows
    assert first_stack.live("total") == counts
    first_stack.post(LIST)
    expected = counts | {"scroll": counts["scroll"] + 1, "click": counts["click"] + 1}
    assert until(lambda: first_stack.live("total"), expected.__eq__, seconds=60) == expected
    assert until(first_stack.rows_by_type, expected.__eq__, seconds=60) == expected


def test_no_payload_person_or_key_is_logged(first_stack: Stack) -> None:
    stack = first_stack  # the last test that uses it, because no subscriber can decode what is published here
    assert "footfall_unknown_settings 0.0" in stack.get("/metrics").text
    marker = f"marker{uuid.uuid4().hex}"
    sent = {"event_type": "click", "event_data": {"element": marker}}
    headers = stack.session(sub=f"user-{marker}") | {
        "user-agent": f"Agent/{marker}",
        "traceparent": f"00-{marker}",
    }
    assert stack.post(sent, headers=headers).status_code == 200
    assert stack.post([sent, {"event_type": marker, "event_data": marker}], headers=headers).status_code == 200
    for wrong in (f'{{"{marker}": '.encode(), json.dumps({marker: marker}).encode(), marker.encode() * 3):
        assert stack.post(wrong, headers=headers).status_code == 400
    assert stack.post(sent, headers={"cookie": f"session={marker}"}).status_code in (200, 403)
    stack.get(f"{COLLECT}/{marker}?q={marker}")
    _produce(stack, marker)
    rows = "select count(*) from events where event_data ->> 'element' = %s"
    assert until(lambda: stack.query(rows, marker)[0][0], lambda n: n >= 2, seconds=60) >= 2
    dead_letters = "select count(*) from dead_letters where position(%s in encode(record_value, 'escape')) > 0"
    assert until(lambda: stack.query(dead_letters, marker)[0][0], lambda n: n == 2, seconds=60) == 2
    keys = json.loads((stack.folder / "secrets.json").read_text()).values()
    found = [
        f"{log.name}: {line}"
        for log in sorted((stack.folder / "logs").iterdir())
        for line in log.read_text(errors="replace").splitlines()
        if any(secret in line for secret in (marker, *keys))
    ]
    assert found == []
    assert _lines_of(stack.folder / "logs") > 10


def _produce(stack: Stack, marker: str) -> None:
    """Publish, without the collector, a record that is not an event and an event that Postgres rejects."""
    producer = Producer({"bootstrap.servers": stack.state["kafka"]})
    producer.produce("events", value=marker.encode(), key=marker.encode())
    # Both the collector and Postgres reject NUL.
    poison = encoded(event("click", now_ms(), event_data={"element": f"{marker}\0"}))
    producer.produce("events", value=poison)
    producer.flush(20)


def _lines_of(logs: Path) -> int:
    return sum(len(log.read_text(errors="replace").splitlines()) for log in logs.iterdir())
