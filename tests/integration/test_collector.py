"""The collector in its own process, with a real broker, as its clients see it."""

import asyncio
import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from avro_schemas.topic import EVENT_HEADERS
from service_kit.kafka.settings import KafkaSettings
from tests.support.collectors import CLICK, COLLECT, Start, collectors, records, session
from tests.support.events import fresh_id, now_ms
from tests.support.ip_databases import write_ip_database
from tests.support.topics import read_all
from tests.support.workers import Worker

pytestmark = pytest.mark.integration

BACKEND_KEY = "a-key-of-a-backend-with-32-characters"
FRIEND = "https://friend.example"
VALIDATE = "/api/analytics/validate"


@pytest.fixture
def start(settings: KafkaSettings, tmp_path: Path) -> Iterator[Start]:
    yield from collectors(settings, tmp_path)


async def test_one_user_has_one_limit_across_two_collectors(
    start: Start, settings: KafkaSettings, tmp_path: Path
) -> None:
    stream_app = Worker(
        "stream_app",
        tmp_path / "stream_app.log",
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
        group_instance_id="one",
    )
    stream_app.start()
    try:
        collectors, accepted, limited = [start(), start()], list[float](), list[float]()
        until = time.monotonic() + 30
        while time.monotonic() < until and len(limited) < 100:
            for collector in collectors:
                answer = collector.post(COLLECT, json=CLICK, headers=session())
                (accepted if answer.status_code == 200 else limited).append(time.monotonic())
            await asyncio.sleep(0.04)
        # Each collector alone would have accepted a hundred.
        assert 100 <= len(accepted) < 190
        assert accepted[-1] - accepted[99] < 5
        newcomer = start()
        answer = newcomer.post(COLLECT, json=CLICK, headers=session())
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert newcomer.post(COLLECT, json=CLICK, headers=session("bob")).status_code == 200
    finally:
        stream_app.end()


async def test_without_the_topic_user_rates_each_process_limits_alone_and_a_metric_shows_it(
    start: Start, settings: KafkaSettings
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    await admin.delete_topics([settings.name("user-rates")])
    await admin.close()
    collector = start()
    assert "footfall_collector_cluster_limits_active 0.0" in collector.get("/metrics").text
    answer = collector.post(COLLECT, json=[CLICK] * 101, headers=session()).json()
    assert [result["status"] for result in answer["results"]] == ["accepted"] * 100 + ["limited"]


async def test_rejected_events_of_valid_senders_are_published_redacted(
    start: Start, settings: KafkaSettings
) -> None:
    collector = start()
    event_id = fresh_id(now_ms())
    bad = {"event_type": "page_view", "event_data": {"title": "mail ann@example.org"}, "event_id": event_id}
    assert collector.post(COLLECT, json=bad, headers=session()).status_code == 400
    assert collector.post(COLLECT, content=b"{broken", headers=session()).status_code == 400
    assert collector.post(COLLECT, json=bad).status_code == 403  # without a session only the reason is published
    assert collector.post(COLLECT, json=CLICK, headers=session()).status_code == 200
    found = {each["reason"]: (key, each) for key, each in await records(settings, "events-rejected")}
    (key, event), (_key, body) = found.pop("field_missing"), found.pop("json_invalid")
    assert [(key, each["body"]) for key, each in found.values()] == [(None, b"")]
    (recorded_key, _recorded) = (await records(settings))[0]
    assert key == recorded_key
    assert (event["event_type"], event["event_id"]) == ("page_view", event_id)
    assert [fault["pointer"] for fault in event["errors"]] == ["/event_data/page"]
    assert json.loads(event["body"])["event_data"] == {"title": "mail [email]"}
    assert body["body"] == b"{broken"


async def test_events_carry_the_documented_headers_and_never_a_schema_id(
    start: Start, settings: KafkaSettings
) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    event = CLICK | {"event_data": {"element": "logo", "page": "/shop"}}
    answer = start().post(COLLECT, json=event, headers=session() | {"traceparent": trace})
    (record,) = await read_all(settings.kafka_bootstrap, settings.name("events"))
    headers = {name: value.decode() for name, value in record.headers}
    # With a schema id in a header too, clients would misread the value.
    assert set(headers) == set(EVENT_HEADERS)
    assert (headers["ce_id"], headers["ce_type"]) == (answer.json()["event_id"], "click")
    assert headers["ce_subject"] == "/shop"
    assert headers["traceparent"] == trace


async def test_visitors_who_opt_out_are_not_tracked(start: Start, settings: KafkaSettings) -> None:
    collector = start(events_per_minute=2)
    for signal in ("sec-gpc", "dnt"):
        answer = collector.post(COLLECT, json=CLICK, headers=session(sid="s") | {signal: "1"})
        assert answer.status_code == 200
    for key, event in await records(settings):
        assert (key, event["user_key"], event["session_key"], event["visitor_key"]) == (None, None, None, None)
    # The rate limit still counts by the session, in memory.
    assert collector.post(COLLECT, json=CLICK, headers=session(sid="s")).status_code == 429


async def test_a_visitor_without_a_session_gets_a_cookie_if_allowed(start: Start, settings: KafkaSettings) -> None:
    assert start().post(COLLECT, json=CLICK).status_code == 403
    collector = start(anonymous_visitors="true")
    answer = collector.post(COLLECT, json=CLICK)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    again = collector.post(COLLECT, json=CLICK)  # the client stored the cookie
    assert "set-cookie" not in again.headers
    (one, event), (other, _) = await records(settings)
    assert one == other == event["visitor_key"].encode()
    assert event["session_key"] is None
    collector.cookies.clear()
    opted_out = collector.post(COLLECT, json=CLICK, headers={"sec-gpc": "1"})
    assert (opted_out.status_code, opted_out.headers.get("set-cookie")) == (200, None)
    forged = collector.post(COLLECT, json=CLICK, headers={"cookie": "footfall_visitor=a.b.c"})
    assert "set-cookie" in forged.headers
    # Sent twice without the cookie, as the first answer was lost: to the same partition, of the same visitor.
    sent = {"events": [CLICK | {"event_id": fresh_id(now_ms())}]}
    for body in (json.dumps(sent).encode(), gzip.compress(json.dumps(sent).encode())):
        collector.cookies.clear()
        encoding = {"content-encoding": "gzip"} if body[:1] != b"{" else {}
        assert collector.post(COLLECT, content=body, headers=encoding).json()["success"]
    repeats = [key for key, event in await records(settings) if event["event_id"] == sent["events"][0]["event_id"]]
    assert len(set(repeats)) == 1


async def test_a_signed_in_browser_is_a_user_and_a_visitor(start: Start, settings: KafkaSettings) -> None:
    collector = start(anonymous_visitors="true")
    collector.post(COLLECT, json=CLICK)  # before the login
    visitor = f"footfall_visitor={collector.cookies['footfall_visitor']}"
    collector.cookies.clear()
    both = {"cookie": f"{session(sid='s')['cookie']}; {visitor}"}
    assert "set-cookie" not in collector.post(COLLECT, json=CLICK, headers=both).headers
    (_, before), (key, after) = sorted(await records(settings), key=lambda record: record[1]["received_at"])
    assert before["visitor_key"] == after["visitor_key"]
    assert key == after["user_key"].encode() != after["session_key"].encode()


async def test_a_visitors_country_comes_from_the_database_and_the_ip_from_a_trusted_proxy(
    start: Start, settings: KafkaSettings, tmp_path: Path
) -> None:
    germany, france = ({"country": {"iso_code": code}} for code in ("DE", "FR"))
    networks = {"192.0.2.0/24": germany, "127.0.0.0/8": france}
    database = write_ip_database(tmp_path / "ips.mmdb", networks)
    collector = start(ip_database=str(database), trusted_proxies="127.0.0.1")
    forwarded = session() | {"x-forwarded-for": "127.0.0.1, 192.0.2.7", "accept-language": "pt-br,en;q=0.5"}
    envelope = {"events": [CLICK], "context": {"site": "shop", "screen_width": 800, "release": "7"}}
    assert collector.post(COLLECT, json=envelope, headers=forwarded).status_code == 200
    ((_key, event),) = await records(settings)
    found = {name: event[name] for name in ("country", "region", "language", "site", "screen", "release")}
    assert found == {
        "country": "DE",
        "region": None,
        "language": "pt-BR",
        "site": "shop",
        "screen": "md",
        "release": "7",
    }
    assert "192.0.2.7" not in str(event)
    wrong = collector.post(COLLECT, json=envelope | {"context": {"sight": "shop"}}, headers=session())
    assert wrong.json()["errors"][0]["pointer"] == "/context/sight"
    metrics = collector.get("/metrics").text
    assert "footfall_collector_ip_database_built_timestamp_seconds 1." in metrics


async def test_a_backend_sends_on_behalf_of_its_users(start: Start, settings: KafkaSettings) -> None:
    collector = start(backend_keys=f"billing={BACKEND_KEY}", events_per_minute_per_backend=3)
    as_ann = {"footfall-key": BACKEND_KEY, "footfall-user": "ann"}
    assert collector.post(COLLECT, json=CLICK, headers=as_ann).status_code == 200
    assert collector.post(COLLECT, json=CLICK, headers=session()).status_code == 200
    (one, sent), (other, _) = await records(settings)
    assert one == other
    assert sent["device"]["bot"] is None
    wrong = collector.post(COLLECT, json=CLICK, headers=as_ann | {"footfall-key": "x" * 40})
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (403, "backend_key_invalid")
    placeholder = collector.post(COLLECT, json=CLICK, headers=as_ann | {"footfall-user": "undefined"})
    assert (placeholder.status_code, placeholder.json()["errors"][0]["code"]) == (403, "session_invalid")
    ben, visit = CLICK | {"user_id": "ben"}, CLICK | {"user_id": None, "session_id": "s"}
    # A cookie in a backend's request names nobody.
    limited = collector.post(COLLECT, json=[visit, ben, ben, ben, ben], headers=as_ann | session("eve"))
    assert [result["status"] for result in limited.json()["results"]] == ["accepted"] * 2 + ["limited"] * 3
    keys = {key: (sent["user_key"], sent["session_key"]) for key, sent in await records(settings)}
    assert len(keys) == 3
    assert sorted((user is None, session is None) for user, session in keys.values()) == [
        (False, True),
        (False, True),
        (True, False),
    ]
    assert limited.headers["ratelimit-policy"] == '"backend";q=3;w=60'


async def test_a_dry_run_answers_the_same_and_records_nothing(start: Start, settings: KafkaSettings) -> None:
    collector = start()
    sent = [CLICK, {"event_type": "clik", "event_data": {}}, CLICK]
    dry = collector.post(VALIDATE, json=sent, headers=session()).json()
    real = collector.post(COLLECT, json=sent, headers=session()).json()
    assert [r["status"] for r in dry["results"]] == [r["status"] for r in real["results"]]
    assert dry["results"][1]["errors"] == real["results"][1]["errors"]
    assert "nothing was recorded" in dry["message"]
    assert len(await records(settings)) == 2
    assert len(await records(settings, "events-rejected")) == 1
    left = collector.post(VALIDATE, json=CLICK, headers=session())
    assert left.headers["ratelimit"].startswith('"user";r=93;')


def test_dropped_events_are_counted_once_their_report_is_answered_with_200(start: Start) -> None:
    collector = start()
    envelope = {"events": [CLICK], "sent_at": "2026-01-15T10:30:05Z", "sdk": "0.1.0", "dropped": 3}
    wrong = envelope | {"events": [{"event_type": "click"}]}
    assert collector.post(COLLECT, json=wrong, headers=session()).status_code == 400
    assert collector.post(COLLECT, json=envelope, headers=session()).status_code == 200
    assert "footfall_collector_client_dropped_events_total 3.0" in collector.get("/metrics").text


def test_pages_of_listed_origins_may_read_the_answer(start: Start) -> None:
    collector = start(allowed_origins=FRIEND)
    preflight = collector.request("OPTIONS", COLLECT, headers={"origin": FRIEND})
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, FRIEND)
    headers = session() | {"origin": FRIEND, "sec-fetch-site": "cross-site"}
    answer = collector.post(COLLECT, json=CLICK, headers=headers)
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    rejected = collector.post(COLLECT, content=b"{}", headers=headers | {"content-type": "text/html"})
    assert (rejected.status_code, rejected.headers["access-control-allow-origin"]) == (415, FRIEND)
    foreign = collector.post(COLLECT, json=CLICK, headers=headers | {"origin": "https://evil.example"})
    assert (foreign.status_code, foreign.headers["access-control-allow-origin"]) == (403, "https://evil.example")


def test_chunked_compressed_and_slow_bodies(start: Start) -> None:
    collector = start(body_timeout_seconds=0.5, max_compressed_bytes=1000)
    headers = session() | {"content-type": "application/json"}
    body = json.dumps([CLICK] * 20).encode()
    chunks = (body[at : at + 100] for at in range(0, len(body), 100))
    assert collector.post(COLLECT, content=chunks, headers=headers).status_code == 200
    compressed = headers | {"content-encoding": "gzip"}
    assert collector.post(COLLECT, content=gzip.compress(body), headers=compressed).status_code == 200
    assert collector.post(COLLECT, content=gzip.compress(b"0" * 10**7), headers=compressed).status_code == 413
    assert collector.post(COLLECT, content=b"x" * 1001, headers=compressed).status_code == 413
    endless = (b"x" * 100_000 for _ in range(20))
    assert collector.post(COLLECT, content=endless, headers=headers).status_code == 413

    def slow() -> Iterator[bytes]:
        yield b"["
        time.sleep(1)
        yield b"]"

    answer = collector.post(COLLECT, content=slow(), headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (408, "body_timeout")
    assert collector.get(COLLECT).status_code == 405


def test_the_catalogue_describes_every_event_type(start: Start) -> None:
    collector = start()
    listed = {
        entry["event_type"]: entry for entry in collector.get("/api/analytics/event-types").json()["event_types"]
    }
    assert {"page_view", "button_click", "form_submit", "error_encountered", "test_event"} <= listed.keys()
    assert listed["page_view"]["schema"]["required"] == ["page"]
    examples = [entry["example"] for entry in listed.values()]
    answer = collector.post(COLLECT, json=examples, headers=session()).json()
    assert answer["success"], answer
