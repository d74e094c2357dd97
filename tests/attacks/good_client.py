"""The good client: many users at a steady pace, from addresses of their own, who remember every answer."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.attacks.target import COLLECT, Target

EVENT_TYPE = "button_click"  # no attack sends it
EVENTS_PER_REQUEST, EVENTS_PER_USER = 20, 60
ADDRESSES = 32


@dataclass(slots=True)
class Answers:
    """What was answered, and how long each answer took, in milliseconds after the request was due."""

    acknowledged: set[str] = field(default_factory=set)
    others: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        return sorted(self.waits)[int(share * (len(self.waits) - 1))]


async def send(target: Target, site: str, events: int, requests_per_second: float) -> Answers:
    """Send this many events, each request when it is due, however long the answers before take."""
    answers = Answers()
    clients = [target.client(f"127.0.1.{n + 1}") for n in range(ADDRESSES)]
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number in range(events // EVENTS_PER_REQUEST):
            due = began + number / requests_per_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            tasks.create_task(_request(target, clients[number % ADDRESSES], site, number, due, answers))
    for client in clients:
        await client.aclose()
    return answers


async def _request(
    target: Target, client: httpx.AsyncClient, site: str, number: int, due: float, answers: Answers
) -> None:
    user = f"good-{site}-{number * EVENTS_PER_REQUEST // EVENTS_PER_USER}"
    happened: list[dict[str, Any]] = [
        {"event_type": EVENT_TYPE, "event_data": {"button": f"button {n}", "page": "/cart"}}
        for n in range(EVENTS_PER_REQUEST)
    ]
    try:
        answer = await client.post(
            COLLECT,
            json={"events": happened, "context": {"site": site}},
            headers={"cookie": target.cookie(user)},
        )
    except httpx.TransportError as error:
        answers.others[type(error).__name__] += 1
        return
    answers.waits.append((time.monotonic() - due) * 1000)
    if answer.status_code == 200:
        answers.acknowledged |= {each["event_id"] for each in answer.json()["results"]}
    else:
        answers.others[f"{answer.status_code} {answer.json()['message']}"] += 1
