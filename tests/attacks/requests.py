"""Attacks by what requests hold: valid events at every edge, costly texts, and work that brings nothing."""

import itertools
import json
from typing import Any

from tests.attacks.target import COLLECT, READER, Outcomes, Target, event

EMOJI = "\N{GRINNING FACE}"
round_number = itertools.count()


async def numbers_at_the_edge(target: Target) -> Outcomes:
    """Valid numbers that no bin, window or column can hold."""
    values = [1.79e308, 1.7832509485263733e308, -1.79e308, 5e-324, 1e12, -0.0, 2**63, 2**64]
    return await target.post_all([[event("web_vital", metric="LCP", value=v, page="/") for v in values]])


async def names_that_look_like_others(target: Target) -> Outcomes:
    """Metrics, pages and types whose text could be taken for a part of a key."""
    metrics = ["LCP x", "LCP 1224", "LCP nan", "x LCP", "*", ""]
    return await target.post_all([[event("web_vital", metric=m, value=1, page=m) for m in metrics]])


async def a_clock_of_2099(target: Target) -> Outcomes:
    """A hundred events whose time, put right by the clock that sent them, is before 1970."""
    old = [event("click", n=n) | {"timestamp": f"2030-01-01T00:00:{n % 60:02}Z"} for n in range(100)]
    return await target.post_all([{"events": old, "sent_at": "2099-01-01T00:00:00Z"}], user="2099")


async def names_as_long_as_may_be(target: Target) -> Outcomes:
    """Twenty users within their limits, each event with a new page of 200 emoji."""
    outcomes, wave = Outcomes(), next(round_number)
    for user in range(20):
        pages = [f"/{wave}-{user}-{n}-{EMOJI * 180}" for n in range(96)]
        events = [event("page_view", page=page, title=page) for page in pages]
        outcomes += await target.post_all([events], user=f"long-{user}")
    return outcomes


async def names_without_end(target: Target) -> Outcomes:
    """New sites, releases, campaigns, sources and programs with each event."""
    outcomes, wave = Outcomes(), next(round_number)
    async with target.client() as client:
        for user in range(10):
            events = [_named(f"{wave}-{user}-{n}") for n in range(90)]
            agent = {"user-agent": f"x{wave}n{user}bot/1.0 Br{wave}owser{user}/7.{wave}"}
            outcomes[await target.post(client, events, user=f"names-{user}", headers=agent)] += 1
    return outcomes


def _named(name: str) -> dict[str, Any]:
    context = {"site": f"site-{name}", "release": name, "referrer": f"https://from-{name}.example/"}
    page = f"/{name}?utm_source=s{name}&utm_medium=m{name}&utm_campaign=c{name}"
    return event("page_view", page=page) | {"context": context}


async def costly_texts(target: Target) -> Outcomes:
    """A megabyte of what might be a phone number or an address, as a kilobyte of gzip."""
    texts = ["5-" * 500_000, "4111 1111 " * 100_000, "a.b@" * 250_000, "1.2.3.4 " * 120_000, "%2540" * 190_000]
    bodies = [event("click", text=text[:1_000_000]) for text in texts]
    return await target.post_all(bodies, user="texts", compressed=True)


async def costly_events(target: Target) -> Outcomes:
    """Events full of e-mails, unknown fields without end, and lists of deep events."""
    emails = [event("click", text=f"ann{n}@mail.example " * 90) for n in range(80)]
    fields = event("page_view", page="/") | {f"field_{n}": 1 for n in range(60_000)}
    deep = b"[" + b",".join([_nested(400)] * 300) + b"]"
    return await target.post_all([emails, fields, deep], user="costly", compressed=True)


async def deep_with_good(target: Target) -> Outcomes:
    """Lists in which one event is nested deeper than any reader bears."""
    good = json.dumps(event("click", n=1)).encode()
    bodies = [b"[" + good + b"," + _nested(levels) + b"]" for levels in (25, 250, 300, 1_000)]
    return await target.post_all(bodies, user="deep")


def _nested(levels: int) -> bytes:
    """An event with a value nested this deep, as Python's own encoder cannot write it."""
    return b'{"event_type": "click", "event_data": {"deep": ' + b"[" * levels + b"1" + b"]" * levels + b"}}"


async def bombs(target: Target) -> Outcomes:
    """200 MiB of zeros as 200 kB of gzip, a million brackets, and a number of a million digits."""
    outcomes = await target.post_all([b"\0" * (200 << 20)], compressed=True)
    return outcomes + await target.post_all([b"[" * 1_000_000, b'{"event_type": ' + b"9" * 1_000_000 + b"}"])


async def rejected_without_end(target: Target) -> Outcomes:
    """Lists of 500 events, each of which is rejected for another reason."""
    kinds: list[Any] = [event("clikc"), event("page_view"), 7, None, event("click") | {"timestamp": "noon"}]
    return await target.post_all([(kinds * 100)[:500]] * 5, user="rejected")


async def repeats_without_end(target: Target) -> Outcomes:
    """The same hundred ids again and again."""
    ids = [f"evt_{'0' * 20}{n:012x}" for n in range(100)]
    repeats = [event("click", n=1) | {"event_id": each} for each in ids]
    return await target.post_all([repeats] * 10, user="repeats")


async def made_up_sessions(target: Target) -> Outcomes:
    """Tokens that nobody signed, each another one, and cookies of other applications."""
    outcomes = Outcomes()
    async with target.client() as client:
        for n in range(100):
            token = f"eyJhbGciOiJIUzI1NiIsImtpZCI6Ing{n:03}In0.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"
            sent = {"cookie": f"session={token}; other={n}", "authorization": f"Bearer {token}"}
            outcomes[await target.post(client, event("click", n=n), headers=sent)] += 1
    return outcomes


async def junk_cookies(target: Target) -> Outcomes:
    """A good session with 60 kB of another cookie that differs each time, and a body that is rejected."""
    outcomes, wave = Outcomes(), next(round_number)
    async with target.client() as client:
        for n in range(300):
            cookie = f"{target.cookie('junk')}; junk={wave}-{n}-{'x' * 60_000}"
            outcomes[await target.post(client, b"{", headers={"cookie": cookie})] += 1
    return outcomes


async def odd_questions(target: Target) -> Outcomes:
    """Filters, exports and schemas that no database and no parser likes."""
    paths = [
        *("/history?page=%00", "/dashboard/history.json?site=%ED%A0%BD&from=9999-12-31&to=0001-01-01"),
        *("/dashboard/history/pages.csv?page=" + "x" * 8_000, "/history?days=99999999999999999999"),
        *("/registry/schemas/ids/99999999999999999999", "/registry/subjects/" + "%2e%2e%2f" * 50),
        *(f"{COLLECT}?{'a=1&' * 2_000}", "/dashboard/snapshot.json?" + "%00" * 100),
    ]
    deep = b'{"schema": "' + b"[" * 5_000 + b'"}'
    outcomes = Outcomes()
    async with target.client(READER) as client:
        for path in paths:
            outcomes[str((await client.get(path)).status_code)] += 1
        for path in ("/registry/subjects/events-value/versions", "/registry/subjects/events-value"):
            outcomes[str((await client.post(path, content=deep)).status_code)] += 1
    return outcomes
