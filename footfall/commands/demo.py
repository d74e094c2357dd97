"""`footfall demo`: simulated people, whose events are posted to the collector as browsers would post them."""

import asyncio
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from random import Random
from typing import Annotated, Any, TextIO

import httpx
import typer

from avro_schemas import event_ids
from footfall import target
from footfall.commands.json_lines import JsonOption, print_json
from footfall.commands.progress import Progress
from footfall.demo.people import FORMER_PEOPLE, MAX_PAST_DAYS, Person, Sent
from service_kit.sessions.signing import sign

# Well below the rate limit of 100.
EVENTS_PER_MINUTE_PER_VISITOR = 60
MAX_CONCURRENT_REQUESTS = 64
_GIVE_UP_SECONDS = 120.0
_SESSION_LIFETIME_SECONDS = 86_400

Event = dict[str, Any]


class Demo:
    """The people, and the outcomes of the events that their browsers posted."""

    def __init__(self, url: str, session_key: str, rate: float, seed: int, record: TextIO | None) -> None:
        self._collect = url + "/api/analytics/collect"
        self._random, self._record, self._session_key = Random(seed), record, session_key
        count = max(3, round(rate * 60 / EVENTS_PER_MINUTE_PER_VISITOR) + 1)
        self._people = [Person(number, seed) for number in range(count)]
        self._former_people = [Person(number, seed) for number in range(count, count + FORMER_PEOPLE)]
        # Whether the collector takes nobody without a session.
        self._needs_session = False
        self._batches = 0
        # httpx gets slower the more requests wait for one of its connections.
        self._may_post = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)
        # A browser sends one request after another, as the answer to the first one has its cookie.
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.outcomes: Counter[str] = Counter()
        self._is_silence_reported = False
        self.sent = self.past = self.retried = 0

    async def run(self, rate: float, max_events: int | None, seconds: float | None, past_days: int = 0) -> None:
        """Post past visits, and `rate` events per second until the limit of events or seconds; then wait."""
        started = shown = time.monotonic()
        progress = Progress(sys.stderr)
        limits = httpx.Limits(max_connections=MAX_CONCURRENT_REQUESTS)
        async with (
            httpx.AsyncClient(timeout=10, limits=limits, cookies=_no_cookies()) as client,
            asyncio.TaskGroup() as posting,
        ):
            for person, sent in self._past(past_days):
                posting.create_task(self._post(client, person, sent))
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
        past = [f"{self.past} of past days"] if self.past else []
        outcomes = (f"{count} {name}" for name, count in sorted(self.outcomes.items()))
        return ", ".join([f"{self.sent} sent", *past, *outcomes, f"{self.retried} requests retried"])

    def _past(self, days: int) -> Iterator[tuple[Person, Sent]]:
        """What everybody sent on the days before."""
        if not days:
            return
        now = datetime.now(UTC)
        for person in (*self._people, *self._former_people):
            for sent in person.send_past(now, days):
                self.past += len(sent.events)
                yield person, sent

    def _next_events(self, max_events: int | None) -> tuple[Person, Sent]:
        """The next person, with an event, or with a batch as the SDK sends them."""
        person = self._people[self._batches % len(self._people)]
        self._batches += 1
        size = self._random.choice([1, 1, 1, 4])
        if max_events is not None:
            size = min(size, max_events - self.sent)
        sent = person.send_now(size)
        self.sent += len(sent.events)
        return person, sent

    async def _post(self, client: httpx.AsyncClient, person: Person, sent: Sent) -> None:
        """Post, and retry with the same ids, until every event has a final outcome."""
        events = _with_ids(sent)
        async with self._turns[person.number]:
            deadline, backoff = time.monotonic() + _GIVE_UP_SECONDS, 0.1
            while events:
                body = (events[0] if len(events) == 1 else {"events": events}) | {"context": sent.context}
                try:
                    async with self._may_post:
                        headers = self._headers(person, sent)
                        response = await client.post(self._collect, json=body, headers=headers)
                    if response.status_code == 403 and not (sent.is_signed_in or self._needs_session):
                        self._needs_session = True
                        continue
                    person.cookies |= _cookies_of(response)
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

    def _headers(self, person: Person, sent: Sent) -> dict[str, str]:
        cookies = dict(person.cookies)
        if sent.is_signed_in or self._needs_session:
            cookies["session"] = _session(self._session_key, person.number)
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return {"user-agent": person.visitor.user_agent} | ({"cookie": cookie} if cookie else {})

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
    seed: Annotated[int, typer.Option(help="The same seed simulates the same people.")] = 1,
    past_days: Annotated[
        int, typer.Option(help="Also send visits of so many days before.", min=0, max=MAX_PAST_DAYS)
    ] = MAX_PAST_DAYS,
    record: Annotated[
        Path | None, typer.Option(help="Append a JSON line per acknowledged event to this file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate people until Ctrl-C, --for or --events: some came before, sign in, or are programs.

    First come visits of the past days, which do not count for --events. Events that were not acknowledged are sent
    again with the same ids. Exit codes: 0 all events were accepted,
    1 some were rejected or given up, or nothing is running.

    Example: footfall demo --rate 50 --for 30
    """
    where = target.find()
    url = where.require("FOOTFALL_URL")
    with _open_for_append(record) as file:
        people = Demo(url, where.secret("FOOTFALL_SESSION_KEY"), rate, seed, file)
        with suppress(KeyboardInterrupt):
            asyncio.run(people.run(rate, events, seconds, past_days))
    if as_json:
        counts = {"sent": people.sent, "past": people.past, "retried": people.retried}
        print_json(counts | people.outcomes)
    else:
        typer.echo(people.summary())
    if people.outcomes["rejected"] or people.outcomes["given up"]:
        raise typer.Exit(1)


def _with_ids(sent: Sent) -> list[Event]:
    """The events with ids of the time when they occurred, and with that time if it is past."""
    if not sent.times:
        return [event | {"event_id": _new_id(time.time_ns() // 1_000_000)} for event in sent.events]
    return [
        event | {"event_id": _new_id(int(at.timestamp() * 1000)), "timestamp": at.isoformat()}
        for event, at in zip(sent.events, sent.times, strict=True)
    ]


def _new_id(made_at: int) -> str:
    return event_ids.generate(made_at, os.urandom(event_ids.RANDOM_BYTES))


def _session(key: str, number: int) -> str:
    claims = {
        "sub": f"person-{number}",
        "sid": f"session-{number}",
        "exp": int(time.time()) + _SESSION_LIFETIME_SECONDS,
    }
    return sign(claims, key)


def _no_cookies() -> CookieJar:
    """A jar that keeps none: each person has its own."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _cookies_of(response: httpx.Response) -> dict[str, str]:
    """The cookies that the collector sets."""
    pairs = (header.partition(";")[0].partition("=") for header in response.headers.get_list("set-cookie"))
    return {name.strip(): value for name, _, value in pairs}


@contextmanager
def _open_for_append(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
    else:
        with path.open("a") as file:
            yield file
