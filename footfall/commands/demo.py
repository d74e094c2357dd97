"""`footfall demo`: a believable stream of visitors, posting through the HTTP API as a frontend would."""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Annotated, Any, TextIO

import httpx
import typer

from avro_schemas import event_ids
from footfall import target
from footfall.demo.visitors import Visitor
from service_kit.sessions.signing import sign

# Well below the limit of a hundred a minute, so that nobody is limited.
EVENTS_PER_VISITOR_MINUTE = 60
MAX_CONCURRENT = 64
_PATIENCE_SECONDS = 120.0
_SESSION_SECONDS = 86_400

Event = dict[str, Any]


class Demo:
    """Visitors, what they posted, and what became of it."""

    def __init__(self, url: str, session_key: str, rate: float, seed: int, record: TextIO | None) -> None:
        self._collect = url + "/api/analytics/collect"
        self._chance, self._record = Random(seed), record
        count = max(3, round(rate * 60 / EVENTS_PER_VISITOR_MINUTE) + 1)
        self._visitors = [Visitor(number, Random(seed * 10_000 + number)) for number in range(count)]
        self._cookies = [_cookie(session_key, number) for number in range(count)]
        self._turn = 0
        # The client takes ever longer to choose among requests that wait for one of its connections.
        self._at_once = asyncio.Semaphore(MAX_CONCURRENT)
        self.outcomes: Counter[str] = Counter()
        self.sent = self.retried = 0

    async def run(self, rate: float, max_events: int | None, seconds: float | None) -> None:
        """Post at a rate until there were enough events or the time is over; then wait for the last answers."""
        started = shown = time.monotonic()
        limits = httpx.Limits(max_connections=MAX_CONCURRENT)
        async with httpx.AsyncClient(timeout=10, limits=limits) as client, asyncio.TaskGroup() as posting:
            while (max_events is None or self.sent < max_events) and (
                seconds is None or time.monotonic() - started < seconds
            ):
                due = int((time.monotonic() - started) * rate)
                while self.sent < min(due, max_events or due):
                    posting.create_task(self._post(client, *self._next_events(max_events)))
                if time.monotonic() - shown >= 1:
                    shown = time.monotonic()
                    typer.echo(f"\r{self.summary()}", err=True, nl=False)
                await asyncio.sleep(0.02)
        typer.echo("\r", err=True, nl=False)

    def summary(self) -> str:
        """What happened so far, in a line."""
        parts = [f"{self.sent} sent", *(f"{count} {name}" for name, count in sorted(self.outcomes.items()))]
        return ", ".join([*parts, f"{self.retried} requests repeated"])

    def _next_events(self, most: int | None) -> tuple[int, list[Event]]:
        """The next visitor and one event, or a batch as an SDK would send it."""
        number, self._turn = self._turn % len(self._visitors), self._turn + 1
        size = self._chance.choice([1, 1, 1, 4])
        if most is not None:
            size = min(size, most - self.sent)
        self.sent += size
        return number, [self._fresh(self._visitors[number].next_event()) for _ in range(size)]

    def _fresh(self, event: Event) -> Event:
        now = time.time_ns() // 1_000_000
        return event | {"event_id": event_ids.generate(now, os.urandom(event_ids.RANDOM_BYTES))}

    async def _post(self, client: httpx.AsyncClient, visitor: int, events: list[Event]) -> None:
        """Post until every event has an answer that stands; the ids stay the same."""
        headers = {"cookie": self._cookies[visitor], "user-agent": self._visitors[visitor].user_agent}
        deadline, pause = time.monotonic() + _PATIENCE_SECONDS, 0.1
        while events:
            body = events[0] if len(events) == 1 else {"events": events}
            try:
                async with self._at_once:
                    answer = await client.post(self._collect, json=body, headers=headers)
                events, wait = self._settle(events, answer)
            except httpx.TransportError:
                wait = pause
            if events:
                if time.monotonic() > deadline:
                    self.outcomes["given up"] += len(events)
                    return
                self.retried += 1
                await asyncio.sleep(max(wait, pause) * self._chance.uniform(1.0, 1.2))
                pause = min(pause * 2, 2.0)

    def _settle(self, events: list[Event], answer: httpx.Response) -> tuple[list[Event], float]:
        """Count what is decided; what is to be sent again, and how long to wait before."""
        wait = float(answer.headers.get("retry-after", 0))
        if answer.status_code in (429, 503):
            statuses = ["retry"] * len(events)
        elif len(events) == 1:
            statuses = ["accepted" if answer.status_code == 200 else "rejected"]
        else:
            results = answer.json().get("results")
            statuses = [result["status"] for result in results] if results else ["rejected"] * len(events)
        again = []
        for event, status in zip(events, statuses, strict=True):
            if status in ("retry", "limited"):
                again.append(event)
            else:
                self._count(event, status)
        return again, wait

    def _count(self, event: Event, status: str) -> None:
        self.outcomes[status] += 1
        if self._record and status in ("accepted", "duplicate"):
            line = {"event_id": event["event_id"], "event_type": event["event_type"], "status": status}
            self._record.write(json.dumps(line) + "\n")
            self._record.flush()


def demo(
    rate: Annotated[float, typer.Option(help="Events a second.", min=0.1, max=2000)] = 20.0,
    seconds: Annotated[float | None, typer.Option("--for", help="Stop after this many seconds.", min=0.1)] = None,
    events: Annotated[int | None, typer.Option(help="Stop after this many events.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="The same number makes the same visitors.")] = 1,
    record: Annotated[Path | None, typer.Option(help="Append a JSON line an acknowledged event to it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Post a believable stream of visitors until Ctrl-C, --for or --events.

    Like a good client it sends again what was not acknowledged, with the same ids. Exit codes: 0 all recorded,
    1 some were rejected or given up, or nothing runs.

    Example: footfall demo --rate 50 --for 30
    """
    found = target.find()
    url = found.require("FOOTFALL_URL")
    with _opened(record) as file:
        visitors = Demo(url, found.secret("FOOTFALL_SESSION_KEY"), rate, seed, file)
        with suppress(KeyboardInterrupt):
            asyncio.run(visitors.run(rate, events, seconds))
    if as_json:
        typer.echo(json.dumps({"sent": visitors.sent, "retried": visitors.retried, **visitors.outcomes}))
    else:
        typer.echo(visitors.summary())
    if visitors.outcomes["rejected"] or visitors.outcomes["given up"]:
        raise typer.Exit(1)


def _cookie(key: str, number: int) -> str:
    claims = {"sub": f"visitor-{number}", "sid": f"visit-{number}", "exp": int(time.time()) + _SESSION_SECONDS}
    return f"session={sign(claims, key)}"


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
    else:
        with path.open("a") as file:
            yield file
