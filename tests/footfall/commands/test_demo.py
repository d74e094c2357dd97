"""The demo as an HTTP client, and what the collector makes of its visitors; without servers."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx

from avro_schemas import event_ids
from avro_schemas.wire.codec import decode
from footfall.commands.demo import MAX_CONCURRENT_REQUESTS, Demo, _no_cookies, _with_ids
from footfall.demo.people import MAX_PAST_DAYS, Person, Sent
from footfall.demo.visitors import Visitor
from producer_api.privacy.devices import classify
from producer_api.request import Sender
from producer_api.storage.records import Record
from tests.support.events import NOON
from tests.support.offline_services import collected


async def test_there_are_never_more_concurrent_requests_than_connections_even_after_an_outage() -> None:
    concurrent, maximum, answered = 0, 0, 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal concurrent, maximum, answered
        concurrent += 1
        maximum = max(maximum, concurrent)
        await asyncio.sleep(0.01)
        concurrent -= 1
        answered += 1
        if answered <= 200:
            return httpx.Response(503, headers={"retry-after": "0"})
        events = json.loads(request.content).get("events", [1])
        return httpx.Response(200, json={"results": [{"status": "accepted"}] * len(events)})

    demo = Demo("http://collector", "k" * 32, rate=100, seed=1, record=None)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client, asyncio.TaskGroup() as posting:
        for _ in range(300):
            posting.create_task(demo._post(client, *demo._next_events(None)))
    assert maximum == MAX_CONCURRENT_REQUESTS
    assert demo.outcomes == {"accepted": demo.sent}


async def test_a_browser_keeps_its_cookie_and_nobody_has_that_of_another() -> None:
    """And where nobody may be without a session, everybody has one."""
    seen, needs_session = list[str](), False

    async def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie", ""))
        if needs_session and "session=" not in seen[-1]:
            return httpx.Response(403)
        return httpx.Response(200, headers={"set-cookie": f"footfall_visitor={len(seen)}; Path=/; HttpOnly"})

    demo = Demo("http://collector", "k" * 32, rate=100, seed=1, record=None)
    ann, bob = demo._people[1], demo._people[2]
    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, cookies=_no_cookies()) as client:
        for person in (ann, bob, ann, bob):
            await demo._post(client, person, person.send_now(1))
        assert seen == ["", "", "footfall_visitor=1", "footfall_visitor=2"]
        needs_session = True
        await demo._post(client, ann, ann.send_now(1))
    assert "session=" in seen[-1]
    assert demo.outcomes == {"accepted": 5}


NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)


def test_people_were_here_before_signed_in_and_used_what_there_was_then() -> None:
    people = [Person(number, seed=1) for number in range(90)]
    past = [(person.number, sent) for person in people for sent in person.send_past(NOW, MAX_PAST_DAYS)]
    again = [sent for number in range(90) for sent in Person(number, seed=1).send_past(NOW, MAX_PAST_DAYS)]
    assert [sent for _number, sent in past] == again
    times = [at for _number, sent in past for at in sent.times]
    assert timedelta(days=6) < NOW - min(times) < timedelta(days=7)
    assert max(times) < NOW
    assert {at.date() for at in times} == {NOW.date() - timedelta(days=back) for back in range(7)}
    visits_of = Counter(number for number, sent in past if sent.events[0]["event_type"] == "page_view")
    assert max(visits_of.values()) > 1
    assert max(Counter(number for number, sent in past for _ in sent.events).values()) < 40
    before_today = [sent for _number, sent in past if sent.times[0].date() < NOW.date()]
    today = [person.send_now(40) for person in people for _ in range(8)]
    assert {sent.context["release"] for sent in before_today} == {"2026.11.2"}
    assert {sent.context["release"] for sent in today} == {"2026.11.2", "2026.11.3"}
    assert features(before_today) == {"search", "export_data", "dark_mode", "share_report"}
    assert features(today) - features(before_today) == {"ai_summary"}
    for sent in (before_today, today):
        assert {each.is_signed_in for each in sent} == {True, False}
        assert {"form_submit", "error_encountered"} < {each["event_type"] for one in sent for each in one.events}
    assert {classify(person.visitor.user_agent).bot for person in people} == {None, "crawler", "headless"}


def features(sent: list[Sent]) -> set[str]:
    used = [each for one in sent for each in one.events if each["event_type"] == "feature_used"]
    return {each["event_data"]["feature"] for each in used}


def test_the_collector_takes_every_event_of_the_past_at_its_own_time() -> None:
    people = [Person(number, seed=2) for number in range(10)]
    now = datetime.fromtimestamp(NOON / 1000, UTC)
    past = [sent for person in people for sent in person.send_past(now, MAX_PAST_DAYS)]
    read = [
        (decode(record.value)[1], round(at.timestamp() * 1000))
        for sent in past
        for record, at in zip(
            _taken({"events": _with_ids(sent), "context": sent.context}), sent.times, strict=True
        )
    ]
    assert len(read) > 50
    for taken, at in read:
        assert (taken["occurred_at"], event_ids.timestamp_ms(taken["event_id"])) == (at, at)


def _taken(body: dict[str, Any]) -> Sequence[Record]:
    return collected(json.dumps(body).encode(), Sender(user_id="ann")).events


def test_the_collector_takes_every_event_and_visitors_arrive_in_many_ways() -> None:
    visitors = [Visitor(number, Random(number)) for number in range(80)]
    sent = [{"events": [each.next_event() for _ in range(20)], "context": each.context} for each in visitors]
    events = [collected(json.dumps(body).encode(), Sender(user_id="ann")).events for body in sent]
    read = [decode(record.value)[1] for records in events for record in records]
    assert len(read) == 1600
    assert {each["channel"] for each in read} == {
        None,
        "direct",
        "search",
        "social",
        "ai",
        "mail",
        "paid",
        "referral",
    }
    assert {"google.com", "news.ycombinator.com"} < {each["source"] for each in read}
    assert {"november", "teams", "launch"} < {each["utm_campaign"] for each in read}
    assert {each["hostname"] for each in read} == {"www.example.com"}
    for field in ("language", "screen", "release"):
        assert len({each[field] for each in read}) > 1
