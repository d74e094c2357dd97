"""`footfall demo`: simulated visitors, whose events are posted to the collector as a browser would post them."""

import asyncio
import json
import os
import sys
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
from footfall.commands.json_lines import JsonOption, print_json
from footfall.commands.progress import Progress
from footfall.demo.visitors import Visitor
from service_kit.sessions.signing import sign

# Well below the rate limit of 100.
EVENTS_PER_MINUTE_PER_VISITOR = 60
MAX_CONCURRENT_REQUESTS = 64
_GIVE_UP_SECONDS = 120.0
_SESSION_LIFETIME_SECONDS = 86_400

Event = dict[str, Any]


class Demo:
    """The visitors, and the outcomes of the events that they posted."""

    def __init__(self, url: str, session_key: str, rate: float, seed: int, record: TextIO | None) -> None:
        self._collect = url + "/api/analytics/collect"
        self._random, self._record = Random(seed), record
        count = max(3, round(rate * 60 / EVENTS_PER_MINUTE_PER_VISITOR) + 1)
        self._visitors = [Visitor(number, Random(seed * 10_000 + number)) for number in range(count)]
        self._cookies = [_cookie(session_key, number) for number in range(count)]
        self._batches = 0
        # httpx gets slower the more requests wait for one of its connections.
        self._may_post = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)
        self.outcomes: Counter[str] = Counter()
        self.sent = self.retried = 0
        self._is_silence_reported = False

    async def run(self, rate: float, max_events: int | None, seconds: float | None) -> None:
        """Post `rate` events per second until the limit of events or seconds, then wait for the responses."""
        started = shown = time.monotonic()
        progress = Progress(sys.stderr)
        limits = httpx.Limits(max_connections=MAX_CONCURRENT_REQUESTS)
        async with httpx.AsyncClient(timeout=10, limits=limits) as client, asyncio.TaskGroup() as posting:
            while (max_events is None or self.sent < max_events) and (
                seconds is None or time.monotonic() - started < seconds
            ):
                due = int((time.monotonic() - started) * rate)
                while self.sent < min(due, max_events or due):
                    posting.create_task(self._post(client, *self._next_events(max_events)))
                if time.monotonic() - shown >= progress.every_seconds:
                    shown = time.monotonic()
                    progress.show(self.summary())
                await asyncio.sleep(0.02)
        progress.end()

    def summary(self) -> str:
        """The outcomes so far, in a line."""
        parts = [f"{self.sent} sent", *(f"{count} {name}" for name, count in sorted(self.outcomes.items()))]
        return ", ".join([*parts, f"{self.retried} requests retried"])

    def _next_events(self, max_events: int | None) -> tuple[int, list[Event]]:
        """The number of the next visitor with an event, or with a batch as the SDK sends them."""
        number = self._batches % len(self._visitors)
        self._batches += 1
        size = self._random.choice([1, 1, 1, 4])
        if max_events is not None:
            size = min(size, max_events - self.sent)
        self.sent += size
        return number, [_with_id(self._visitors[number].next_event()) for _ in range(size)]

    async def _post(self, client: httpx.AsyncClient, visitor: int, events: list[Event]) -> None:
        """Post, and retry with the same ids, until every event has a final outcome."""
        headers = {"cookie": self._cookies[visitor], "user-agent": self._visitors[visitor].user_agent}
        deadline, backoff = time.monotonic() + _GIVE_UP_SECONDS, 0.1
        while events:
            context = {"context": self._visitors[visitor].context}
            body = (events[0] if len(events) == 1 else {"events": events}) | context
            try:
                async with self._may_post:
                    response = await client.post(self._collect, json=body, headers=headers)
                events, wait = self._handle_response(events, response)
            except httpx.TransportError as error:
                wait = backoff
                self._report_silence(error)
            if events:
                if time.monotonic() > deadline:
                    self.outcomes["given up"] += len(events)
                    return
                self.retried += 1
                await asyncio.sleep(max(wait, backoff) * self._random.uniform(1.0, 1.2))
                backoff = min(backoff * 2, 2.0)

    def _report_silence(self, error: httpx.TransportError) -> None:
        """Say once that nobody answers: requests are repeated for long."""
        if not self._is_silence_reported:
            self._is_silence_reported = True
            typer.echo(f"{self._collect} does not answer ({error}); trying again.", err=True)

    def _handle_response(self, events: list[Event], response: httpx.Response) -> tuple[list[Event], float]:
        """Count the final outcomes; the events to retry, and the seconds to wait before."""
        wait = float(response.headers.get("retry-after", 0))
        if response.status_code in (429, 503):
            statuses = ["retry"] * len(events)
        elif len(events) == 1:
            statuses = ["accepted" if response.status_code == 200 else "rejected"]
        else:
            results = response.json().get("results")
            statuses = [result["status"] for result in results] if results else ["rejected"] * len(events)
        to_retry = []
        for event, status in zip(events, statuses, strict=True):
            if status in ("retry", "limited"):
                to_retry.append(event)
            else:
                self._count(event, status)
        return to_retry, wait

    def _count(self, event: Event, status: str) -> None:
        self.outcomes[status] += 1
        if self._record and status in ("accepted", "duplicate"):
            line = {"event_id": event["event_id"], "event_type": event["event_type"], "status": status}
            self._record.write(json.dumps(line) + "\n")
            self._record.flush()


def demo(
    rate: Annotated[float, typer.Option(help="Events per second.", min=0.1, max=2000)] = 20.0,
    seconds: Annotated[float | None, typer.Option("--for", help="Stop after this many seconds.", min=0.1)] = None,
    events: Annotated[int | None, typer.Option(help="Stop after this many events.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="The same seed simulates the same visitors.")] = 1,
    record: Annotated[
        Path | None, typer.Option(help="Append a JSON line per acknowledged event to this file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate visitors until Ctrl-C, --for or --events.

    Events that were not acknowledged are sent again with the same ids. Exit codes: 0 all events were accepted,
    1 some were rejected or given up, or nothing is running.

    Example: footfall demo --rate 50 --for 30
    """
    where = target.find()
    url = where.require("FOOTFALL_URL")
    with _open_for_append(record) as file:
        visitors = Demo(url, where.secret("FOOTFALL_SESSION_KEY"), rate, seed, file)
        with suppress(KeyboardInterrupt):
            asyncio.run(visitors.run(rate, events, seconds))
    if as_json:
        print_json({"sent": visitors.sent, "retried": visitors.retried, **visitors.outcomes})
    else:
        typer.echo(visitors.summary())
    if visitors.outcomes["rejected"] or visitors.outcomes["given up"]:
        raise typer.Exit(1)


def _with_id(event: Event) -> Event:
    now = time.time_ns() // 1_000_000
    return event | {"event_id": event_ids.generate(now, os.urandom(event_ids.RANDOM_BYTES))}


def _cookie(key: str, number: int) -> str:
    claims = {
        "sub": f"visitor-{number}",
        "sid": f"visit-{number}",
        "exp": int(time.time()) + _SESSION_LIFETIME_SECONDS,
    }
    return f"session={sign(claims, key)}"


@contextmanager
def _open_for_append(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
    else:
        with path.open("a") as file:
            yield file
