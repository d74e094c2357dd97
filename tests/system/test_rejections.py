"""Every invalid request gets a clear answer, and affects nothing else."""

import gzip
import json
import os
import signal
import time
from typing import Any

import pytest

from tests.support.json_lines import json_lines
from tests.system.stack import Stack, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

CLICK = {"event_type": "click", "event_data": {"element": "nav_menu"}}


def codes(body: dict[str, Any]) -> set[tuple[str, str]]:
    return {(error["code"], error["pointer"]) for error in body["errors"]}


@pytest.mark.parametrize(
    ("sent", "status", "expected"),
    [
        pytest.param(b"{not json", 400, {("json_invalid", "")}, id="bad JSON"),
        pytest.param(b"[" * 100_000, 400, {("too_deep", "")}, id="100,000 brackets"),
        pytest.param(
            {"event_type": "click", "event_data": "text"},
            400,
            {("type_mismatch", "/event_data")},
            id="text as data",
        ),
        pytest.param({"event_type": "click"}, 400, {("field_missing", "/event_data")}, id="missing field"),
        pytest.param(
            CLICK | {"event_type": "clikc"}, 400, {("event_type_unknown", "/event_type")}, id="unknown type"
        ),
        pytest.param(
            CLICK | {"timestamp": "15.1.2024"}, 400, {("timestamp_invalid", "/timestamp")}, id="wrong timestamp"
        ),
        pytest.param(b"x" * 1_100_000, 413, {("body_too_large", "")}, id="body too large"),
        pytest.param([CLICK] * 501, 413, {("too_many_events", "")}, id="too many events"),
    ],
)
def test_every_fault_is_named(stack: Stack, sent: Any, status: int, expected: set[tuple[str, str]]) -> None:
    answer = stack.post(sent)
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert codes(answer.json()) == expected


def test_a_mistyped_event_type_gets_a_suggestion(stack: Stack) -> None:
    body = stack.post(CLICK | {"event_type": "page-view"}).json()
    assert 'Did you mean "page_view"?' in body["message"]
    page = stack.get(body["errors"][0]["docs"].split("#")[0])
    assert 'id="event_type_unknown"' in page.text


def test_a_form_is_not_a_supported_media_type(stack: Stack) -> None:
    answer = stack.post(CLICK, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, codes(answer.json())) == (415, {("media_type_unsupported", "")})


def test_a_page_that_may_not_post_is_seen_on_the_dashboard_and_by_doctor_with_what_to_set(stack: Stack) -> None:
    headers = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"}
    assert codes(stack.post(CLICK, headers=headers).json()) == {("origin_not_allowed", "")}
    what = "https://shop.example in FOOTFALL_ALLOWED_ORIGINS"

    def shown() -> dict[str, Any]:
        return stack.get("/dashboard/snapshot.json").json()["panels"]

    panels = until(shown, lambda found: what in str(found["rejected_events"]), seconds=60)
    reasons = {row["reason"]: row["events"] for row in panels["rejected_reasons"]}
    assert reasons["origin_not_allowed"] >= 1
    findings = json_lines(stack.footfall("doctor", "--json").stdout)
    (finding,) = [each for each in findings if "origin_not_allowed" in each["message"]]
    assert what in finding["message"]
    assert "FOOTFALL_ALLOWED_ORIGINS" in finding["fix"]


def test_plain_text_and_gzip_are_accepted(stack: Stack) -> None:
    packed = gzip.compress(json.dumps(CLICK).encode())
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    assert stack.post(packed, headers=headers).status_code == 200


def test_a_session_that_is_not_ours_keeps_nobody_out_on_this_machine_and_counts_for_nobody(stack: Stack) -> None:
    sessions = (
        stack.session(exp=int(time.time()) - 60),
        stack.session(key="somebody else's key, long enough"),
        {"cookie": "session=of.another.application"},
    )
    ids = [stack.post(CLICK, headers=headers).json()["event_id"] for headers in sessions]
    owners = "select user_key, session_key from events where event_id = any(%s)"
    landed = until(lambda: stack.query(owners, ids), lambda rows: len(rows) == len(ids), seconds=60)
    assert landed == [(None, None)] * len(ids)


def test_a_page_of_another_site_is_rejected(stack: Stack) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}
    answer = stack.post(CLICK, headers=headers)
    assert (answer.status_code, codes(answer.json())) == (403, {("origin_not_allowed", "")})


def test_an_invalid_event_in_a_list_does_not_affect_the_others(stack: Stack) -> None:
    before = stack.rows_by_type().get("scroll", 0)
    scroll = {"event_type": "scroll", "event_data": {"position": 500}}
    answer = stack.post([scroll, {"event_type": "scroll"}, scroll, "nonsense"])
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["status"] for result in results] == ["accepted", "rejected", "accepted", "rejected"]
    assert codes(results[1]) == {("field_missing", "/event_data")}
    assert until(lambda: stack.rows_by_type().get("scroll", 0), (before + 2).__eq__, seconds=60) == before + 2


def test_the_hundred_and_first_event_of_a_minute_is_limited(stack: Stack) -> None:
    headers = stack.session()
    first = stack.post([CLICK] * 100, headers=headers)
    assert first.json()["message"] == "100 of 100 events recorded"
    assert '"user";r=0' in first.headers["RateLimit"]
    limited = stack.post(CLICK, headers=headers)
    assert (limited.status_code, codes(limited.json())) == (429, {("rate_limited", "")})
    assert 1 <= int(limited.headers["Retry-After"]) <= 60
    assert stack.post(CLICK, headers=stack.session()).status_code == 200  # other users are not limited


def test_the_first_hundred_events_of_a_list_over_the_limit_are_accepted(stack: Stack) -> None:
    answer = stack.post([CLICK] * 150, headers=stack.session())
    statuses = [result["status"] for result in answer.json()["results"]]
    assert (answer.status_code, statuses) == (200, ["accepted"] * 100 + ["limited"] * 50)
    assert answer.json()["results"][149]["event_id"].startswith("evt_")


def test_the_same_id_again_is_a_duplicate_and_makes_no_second_row(stack: Stack) -> None:
    headers = stack.session()
    event = CLICK | {"event_id": stack.post(CLICK, headers=headers).json()["event_id"][:-4] + "abcd"}
    answers = [stack.post(event, headers=headers).json() for _ in range(2)]
    assert [answer["success"] for answer in answers] == [True, True]
    conflict = stack.post(event | {"event_data": {"element": "other"}}, headers=headers)
    assert codes(conflict.json()) == {("event_id_conflict", "/event_id")}
    in_list = stack.post([event, event], headers=headers).json()["results"]
    assert [result["status"] for result in in_list] == ["duplicate", "duplicate"]
    count = "select count(*) from events where event_id = %s"
    assert until(lambda: stack.query(count, event["event_id"]), lambda rows: rows == [(1,)], seconds=60) == [(1,)]


def test_while_kafka_does_not_respond_the_collector_answers_immediately_and_recovers_afterwards(
    stack: Stack,
) -> None:
    broker = stack.state["services"]["kafka"]["pid"]
    os.kill(broker, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert stack.post(CLICK).status_code == 503  # after the deadline
        asked_again = time.monotonic()
        answer = stack.post(CLICK)
        assert time.monotonic() - asked_again < (asked_again - started) / 2
        assert (answer.status_code, codes(answer.json())) == (503, {("unavailable", "")})
        assert int(answer.headers["Retry-After"]) >= 1
        assert stack.get("/healthz").status_code == 200
        assert stack.get("/readyz").status_code == 503
    finally:
        os.kill(broker, signal.SIGCONT)
    assert until(lambda: stack.post(CLICK).status_code, (200).__eq__, seconds=60) == 200


def test_the_api_description_and_its_page_load_nothing_from_elsewhere(stack: Stack) -> None:
    described = stack.get("/api/analytics/openapi.json").json()
    assert "post" in described["paths"]["/api/analytics/collect"]
    page = stack.get("/api/analytics/docs").text
    assert "//cdn" not in page
    assert "swagger-ui-bundle.js" in page
    assert stack.get("/api/analytics/docs-assets/swagger-ui-bundle.js").status_code == 200
