"""The demo as an HTTP client, without a collector."""

import asyncio
import json

import httpx

from footfall.commands.demo import MAX_CONCURRENT_REQUESTS, Demo


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
