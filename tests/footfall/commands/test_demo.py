"""The demo as an HTTP client, and what the collector makes of its visitors; without servers."""

import asyncio
import json
from random import Random

import httpx

from avro_schemas.wire.codec import decode
from footfall.commands.demo import MAX_CONCURRENT_REQUESTS, Demo
from footfall.demo.visitors import Visitor
from producer_api.request import Sender
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
