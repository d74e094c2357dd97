"""The demo as a client, apart from a collector."""

import asyncio
import json

import httpx

from footfall.commands.demo import MAX_CONCURRENT, Demo


async def test_no_more_requests_at_once_than_connections_however_long_the_collector_was_away() -> None:
    at_once, most, answered = 0, 0, 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal at_once, most, answered
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        answered += 1
        if answered <= 200:
            return httpx.Response(503, headers={"retry-after": "0"})
        events = json.loads(request.content).get("events", [1])
        return httpx.Response(200, json={"results": [{"status": "accepted"}] * len(events)})

    demo = Demo("http://collector", "k" * 32, rate=100, seed=1, record=None)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client, asyncio.TaskGroup() as posting:
        for _ in range(300):
            posting.create_task(demo._post(client, *demo._next_events(None)))
    assert most == MAX_CONCURRENT
    assert demo.outcomes == {"accepted": demo.sent}
