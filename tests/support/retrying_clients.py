"""People whose browsers send again what was not answered: late, after a login, without their cookies, with ids of others.

They know nothing of footfall but its HTTP interface.
"""

import asyncio
import contextlib
import os
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from random import Random
from typing import Any

import httpx

Json = dict[str, Any]

# So old an event may be when it is sent first: a laptop was closed for half an hour.
_MAX_AGE_SECONDS = 30 * 60
_OLD, _ANSWER_LOST, _SENT_AGAIN, _LOGIN, _COOKIES_LOST, _COPIED_ID = 0.2, 0.25, 0.1, 0.1, 0.05, 0.03
_TYPES = ("page_view", "button_click", "form_submit", "feature_used")
_DATA: dict[str, Callable[[Random], Json]] = {
    "page_view": lambda chance: {"page": f"/page/{chance.randrange(30)}"},
    "button_click": lambda chance: {"button": f"button {chance.randrange(9)}", "page": "/cart"},
    "form_submit": lambda _chance: {"form": "signup", "page": "/signup"},
    "feature_used": lambda chance: {"feature": f"feature-{chance.randrange(5)}"},
}


@dataclass(slots=True)
class Ledger:
    """What all of them were told."""

    # Acknowledged ids, and to whom.
    accepted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    # The types under which each id was sent.
    sent: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    answers: Counter[str] = field(default_factory=Counter)

    def ids(self) -> set[str]:
        return set(self.accepted)

    def shared_ids(self) -> set[str]:
        """Ids that were acknowledged to several people."""
        return {event_id for event_id, names in self.accepted.items() if len(names) > 1}


class Person:
    """One browser and who uses it."""

    def __init__(
        self, number: int, url: str, session: Callable[[str], str], ledger: Ledger, chance: Random
    ) -> None:
        self._name, self._url, self._ledger, self._chance = f"person-{number}", url, ledger, chance
        self._session = session
        address = f"127.0.{2 + number // 200}.{1 + number % 200}"
        transport = httpx.AsyncHTTPTransport(local_address=address, retries=0)
        self._client = httpx.AsyncClient(transport=transport, timeout=20)
        self._cookies: dict[str, str] = {}

    async def live(self, seconds: float, pause: float, known_ids: list[str]) -> None:
        """Do something every `pause` seconds, on average; then send until all is acknowledged."""
        async with self._client, asyncio.TaskGroup() as tasks:
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                self._change_who_i_am()
                copied = self._chance.random() < _COPIED_ID and bool(known_ids)
                event = self._event(self._chance.choice(known_ids) if copied else None)
                if not copied:
                    known_ids.append(event["event_id"])
                tasks.create_task(self._send_until_acknowledged(event, ends))
                await asyncio.sleep(self._chance.expovariate(1 / pause))

    def _change_who_i_am(self) -> None:
        if self._chance.random() < _COOKIES_LOST:
            self._cookies.clear()
        if self._chance.random() < _LOGIN:
            signed_in = self._cookies.pop("session", None)
            if signed_in is None:
                self._cookies["session"] = self._session(self._name)

    def _event(self, copied_id: str | None) -> Json:
        kind = self._chance.choice(_TYPES)
        age = self._chance.uniform(0, _MAX_AGE_SECONDS) if self._chance.random() < _OLD else 0.0
        made_at = time.time() - age
        return {
            "event_type": kind,
            "event_data": _DATA[kind](self._chance),
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made_at)),
            "event_id": copied_id or _new_id(made_at),
        }

    async def _send_until_acknowledged(self, event: Json, ends: float) -> None:
        answered = False
        while not answered:
            # After the end nobody loses answers any more, so that it ends.
            lost = self._chance.random() < _ANSWER_LOST and time.monotonic() < ends
            answered = await self._send(event, lost=lost)
            if not answered:
                await asyncio.sleep(self._chance.uniform(0.2, 8 if time.monotonic() < ends else 2))
        if self._chance.random() < _SENT_AGAIN:
            await asyncio.sleep(self._chance.uniform(0, 20))
            with contextlib.suppress(httpx.TransportError):
                await self._post(event)

    async def _send(self, event: Json, *, lost: bool) -> bool:
        """Whether this event needs not be sent again."""
        try:
            answer = await self._post(event)
        except httpx.TransportError as error:
            self._ledger.answers[type(error).__name__] += 1
            return False
        if lost:
            self._ledger.answers["lost"] += 1
            return False
        for header in answer.headers.get_list("set-cookie"):
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(header).items()}
        self._ledger.answers[str(answer.status_code)] += 1
        if answer.status_code == 200:
            self._ledger.accepted[event["event_id"]].add(self._name)
            return True
        # Whoever comes second with an id may be told so at once. All others are asked to send again.
        is_conflict = answer.status_code == 400 and "event_id_conflict" in answer.text
        assert is_conflict or answer.status_code in (429, 503), answer.text
        return is_conflict

    async def _post(self, event: Json) -> httpx.Response:
        self._ledger.sent[event["event_id"]].add(event["event_type"])
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return await self._client.post(self._url, json=event, headers={"cookie": cookie} if cookie else {})


def _new_id(made_at: float) -> str:
    random = uuid.UUID(bytes=os.urandom(16), version=4).hex
    return f"evt_{int(made_at * 1000):012x}7{random[13:]}"


async def live_together(
    url: str, session: Callable[[str], str], *, people: int, seconds: float, pause: float, seed: int
) -> Ledger:
    """Have so many people send for so long; wait until all is acknowledged."""
    ledger, known_ids, chance = Ledger(), list[str](), Random(seed)
    async with asyncio.TaskGroup() as tasks:
        for number in range(people):
            person = Person(number, url, session, ledger, Random(chance.random()))
            tasks.create_task(person.live(seconds, pause, known_ids))
    return ledger
