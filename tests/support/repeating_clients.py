"""Browsers that send again: late, before and after a login, without their cookies, and with ids of others."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import jwt

from tests.support.events import fresh_id

MINUTE_MS = 60_000
# How old the id of an event is when it is sent first: most are new, some were stored in the browser.
_AGES = (0, 0, 0, 0, 2, 3, 4, 5, 6, 12, 30)


@dataclass
class _Browser:
    name: str
    cookies: dict[str, str] = field(default_factory=dict)
    # The cookie of its application, while somebody is signed in.
    session: str | None = None
    sent: list[dict[str, Any]] = field(default_factory=list)


class RepeatingClients:
    """Random browsers that post to collectors. `acknowledged` has each id that was, and by which browsers."""

    def __init__(self, session_key: str, seed: int, count: int = 40) -> None:
        self._chance, self._session_key = Random(seed), session_key
        self._browsers = [_Browser(f"browser-{number}") for number in range(count)]
        self.acknowledged: dict[str, set[str]] = defaultdict(set)

    def run(self, urls: list[str], requests: int) -> None:
        """Send so many requests, each to one of the collectors."""
        with httpx.Client(timeout=20) as http:
            for _ in range(requests):
                browser = self._chance.choice(self._browsers)
                self._change(browser)
                self._post(http, self._chance.choice(urls), browser, self._events(browser))

    def _change(self, browser: _Browser) -> None:
        """Sign in or out, or lose the cookies."""
        kind = self._chance.random()
        if kind < 0.15:
            user = {"sub": browser.name, "exp": int(time.time()) + 3_600}
            browser.session = jwt.encode(user, self._session_key)
        elif kind < 0.25:
            browser.session = None
        elif kind < 0.3:
            browser.cookies.clear()

    def _events(self, browser: _Browser) -> list[dict[str, Any]]:
        events = [self._new(browser) for _ in range(self._chance.randrange(3))]
        if browser.sent:
            events += self._chance.choices(browser.sent, k=self._chance.randrange(3))
        if self._chance.random() < 0.1 and self.acknowledged:
            # An id of anybody, as if it had been rendered into a page that is cached.
            events.append(self._new(browser) | {"event_id": self._chance.choice([*self.acknowledged])})
        return events or [self._new(browser)]

    def _new(self, browser: _Browser) -> dict[str, Any]:
        made_at = time.time_ns() // 1_000_000 - self._chance.choice(_AGES) * MINUTE_MS
        event: dict[str, Any] = {
            "event_type": self._chance.choice(("click", "scroll")),
            "event_id": fresh_id(made_at),
            # Nobody else sends the same.
            "event_data": {"element": f"{browser.name}-{len(browser.sent)}"},
        }
        if self._chance.random() < 0.5:
            event["timestamp"] = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(made_at / 1000))}Z"
        browser.sent.append(event)
        return event

    def _post(self, http: httpx.Client, url: str, browser: _Browser, events: list[dict[str, Any]]) -> None:
        cookies = browser.cookies | ({"session": browser.session} if browser.session else {})
        header = "; ".join(f"{name}={value}" for name, value in cookies.items())
        http.cookies.clear()
        answer = http.post(url, json=events, headers={"cookie": header} if header else {})
        # Half of the answers to a new browser are lost, with the cookie in them.
        if self._chance.random() < 0.5:
            browser.cookies |= dict(answer.cookies)
        for result in answer.json()["results"]:
            if result["status"] in ("accepted", "duplicate"):
                self.acknowledged[result["event_id"]].add(browser.name)
