"""The collector in its own process, with a real broker, as its clients see it."""

import asyncio
import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from avro_schemas.topic import EVENT_HEADERS
from avro_schemas.wire.codec import decode
from footfall.kafka.topic_changes import Change, apply
from footfall.kafka.topics import create_missing, existing_topics
from producer_api.request import RESPONSE_HEADERS
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_description import admin_client
from tests.support.events import fresh_id, now_ms
from tests.support.ip_databases import write_ip_database
from tests.support.topics import read_all
from tests.support.workers import Worker

pytestmark = pytest.mark.integration

KEY = "a session key of thirty-two characters"
BACKEND_KEY = "a-key-of-a-backend-with-32-characters"
FRIEND = "https://friend.example"
COLLECT, VALIDATE = "/api/analytics/collect", "/api/analytics/validate"
CLICK = {"event_type": "click", "event_data": {"element": "logo"}}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"

Start = Callable[..., httpx.Client]


@pytest.fixture
def start(settings: KafkaSettings, tmp_path: Path) -> Iterator[Start]:
    """Start a collector with these settings; a client for it."""
    started: list[Worker] = []
    clients: list[httpx.Client] = []

    def start_one(*, wait: float = 40, **changes: Any) -> httpx.Client:
        worker = Worker(
            "producer_api",
            tmp_path / f"collector-{len(started)}.log",
            port="PORT",
            kafka_bootstrap=settings.kafka_bootstrap,
            topic_prefix=settings.topic_prefix,
            hash_key="a hash key for tests",
            session_key=KEY,
            host="127.0.0.1",
            **changes,
        )
        started.append(worker)
        worker.start(wait=wait)
        headers, url = {"user-agent": FIREFOX}, f"http://127.0.0.1:{worker.port}"
        hooks = {"response": [has_documented_headers]}
        clients.append(httpx.Client(base_url=url, headers=headers, timeout=10, event_hooks=hooks))
        return clients[-1]

    yield start_one
    for client in clients:
        client.close()
    for worker in started:
        worker.end()


def has_documented_headers(response: httpx.Response) -> None:
    if response.request.method != "GET":
        of_the_server = {"date", "server"}
        assert set(response.headers) <= {name.lower() for name in RESPONSE_HEADERS} | of_the_server


def session(user: str = "ann", **claims: Any) -> dict[str, str]:
    token = jwt.encode({"sub": user, "exp": time.time() + 600} | claims, KEY)
    return {"cookie": f"session={token}"}


async def records(settings: KafkaSettings, topic: str = "events") -> list[tuple[bytes | None, dict[str, Any]]]:
    read = await read_all(settings.kafka_bootstrap, settings.name(topic))
    return [(record.key, decode(record.value)[1]) for record in read]


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


async def test_a_collector_is_ready_when_events_is_as_it_must_be_and_goes_by_the_size_that_it_takes(
    start: Start, settings: KafkaSettings, tmp_path: Path
) -> None:
    state = "footfall-stream-app-state-changelog"
    await alter(settings, "events", "message.timestamp.type", "CreateTime")
    await alter(settings, state, "cleanup.policy", "compact,delete")
    worker = Worker(
        "stream_app",
        tmp_path / "stream_app.log",
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
    )
    worker.start(wait=0)
    try:
        collector = start(wait=0, events_per_minute=10_000)
        await until_status(collector, "message.timestamp.type of events is CreateTime instead of LogAppendTime")
        await until(lambda: "cleanup.policy of footfall" in (worker.unready_because() or ""))
        changed = {each.topic: each.changes for each in await create_missing(settings) if each.changes}
        assert changed.keys() == {"events", state}
        await until_status(collector, "ok")
        await until(worker.is_ready)
    finally:
        worker.end()
    # Nobody has told it yet: it learns from what the broker refuses, at the cost of an answer to send again.
    await alter(settings, "events", "max.message.bytes", "12000")
    sent = [click_with(2_000) for _ in range(60)]
    async with asyncio.timeout(30):
        while not (answer := collector.post(COLLECT, json=sent, headers=session()).json())["success"]:
            assert {each["status"] for each in answer["results"]} <= {"accepted", "duplicate", "retry"}, answer
            await asyncio.sleep(0.1)
    large = click_with(13_000)
    async with asyncio.timeout(30):
        while (answer := collector.post(COLLECT, json=large, headers=session("bob"))).status_code == 503:
            await asyncio.sleep(0.1)
    assert answer.status_code == 413
    assert "max.message.bytes of the topic events" in answer.json()["errors"][0]["expected"]
    mixed = collector.post(COLLECT, json=[CLICK, large, CLICK], headers=session("bob")).json()
    assert [result["status"] for result in mixed["results"]] == ["accepted", "rejected", "accepted"]
    metrics = collector.get("/metrics").text
    assert "footfall_collector_producer_restarts_total 0.0" in metrics
    assert 'footfall_topic_faults{topic="events"} 0.0' in metrics
    stored = [event["event_id"] for _key, event in await records(settings)]
    assert {each["event_id"] for each in sent} <= set(stored)
    assert large["event_id"] not in stored
    reasons = [event["reason"] for _key, event in await records(settings, "events-rejected")]
    assert set(reasons) == {"topic_limit"}


def click_with(size: int) -> dict[str, Any]:
    """A click with so much in its properties."""
    return CLICK | {
        "event_id": fresh_id(now_ms()),
        "event_data": {"element": "logo", "properties": {f"text{n}": "x" * 1_000 for n in range(size // 1_000)}},
    }


async def alter(settings: KafkaSettings, topic: str, key: str, value: str) -> None:
    """Change a setting as another team would, and wait until the broker says so."""
    async with admin_client(settings) as admin:
        await apply(admin, settings, [Change(topic, ((key, value),))])
    async with asyncio.timeout(20):
        while ((await existing_topics(settings))[topic].config or {})[key] != value:
            await asyncio.sleep(0.1)


async def until_status(collector: httpx.Client, expected: str) -> None:
    await until(lambda: expected in ready_status(collector))


def ready_status(collector: httpx.Client) -> str:
    try:
        return str(collector.get("/readyz").json()["status"])
    except httpx.TransportError:
        return "not started yet"


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not await asyncio.to_thread(what):
            await asyncio.sleep(0.1)
