"""Sends a story as browsers would: with the cookies that they were given, and again until somebody answers."""

import asyncio
import time
from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.cookies import SimpleCookie
from typing import Any

import httpx

from tests.support.no_tls import NO_TLS
from tests.support.world.story import Request, Story

_AT_ONCE = 12
# Services that are killed are restarted within seconds.
_PATIENCE_SECONDS = 120


async def send(story: Story, url: str, session: Callable[[str], str], backend_key: str, *, own_ids: bool) -> None:
    """Send all, each browser in its order. Where they need no ids of their own, a few events get the collector's."""
    slots, limits = asyncio.Semaphore(_AT_ONCE), httpx.Limits(max_connections=_AT_ONCE)
    # Each browser has its own cookies; the connections, which they share, have none.
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    async with (
        httpx.AsyncClient(timeout=20, verify=NO_TLS, limits=limits, cookies=no_cookies) as client,
        asyncio.TaskGroup() as tasks,
    ):
        for requests in story.requests.values():
            sender = _Sender(client, url, session, backend_key, own_ids)
            tasks.create_task(sender.send_all(requests, slots))


class _Sender:
    """One browser, or backend."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, session: Callable[[str], str], backend_key: str, own_ids: bool
    ) -> None:
        self._client, self._url, self._session, self._key = client, url, session, backend_key
        self._own_ids = own_ids
        self._visitor: str | None = None

    async def send_all(self, requests: list[Request], slots: asyncio.Semaphore) -> None:
        for request in requests:
            async with slots:
                bodies = [self._body(request, number) for number in range(len(request.events))]
                answer = await self._post(request, bodies)
                if request.is_repeated:  # the first answer was lost, with its cookie
                    answer = await self._post(request, bodies)
            self._take(request, answer)

    def _body(self, request: Request, number: int) -> dict[str, Any]:
        event = request.events[number]
        body = event.body()
        assert event.id
        # Of these the time of the id is that of sending.
        if not self._own_ids and not request.is_repeated and event.made != event.at and event.id.endswith("7"):
            del body["event_id"]
        return body

    async def _post(self, request: Request, bodies: list[dict[str, Any]]) -> httpx.Response:
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            try:
                answer = await self._client.post(
                    self._url, json={"events": bodies}, headers=self._headers(request)
                )
                if answer.status_code == 200:
                    return answer
                assert answer.status_code in (429, 502, 503), answer.text
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.3)
        raise TimeoutError("the collector has not answered for minutes: is the stack still up?")

    def _headers(self, request: Request) -> dict[str, str]:
        place, browser = request.place, request.place.browser
        headers = {"x-forwarded-for": browser.address, "user-agent": browser.machine.agent}
        if browser.accepts:
            headers["accept-language"] = browser.accepts
        if place.opted_out:
            headers["sec-gpc"] = "1"
        if browser.is_backend:
            return headers | {"footfall-key": self._key, "footfall-user": place.user or ""}
        headers["origin"] = f"https://{browser.host}"
        cookies = [f"session={self._session(place.user)}"] if place.user else []
        cookies += [f"footfall_visitor={self._visitor}"] if self._visitor else []
        return headers | ({"cookie": "; ".join(cookies)} if cookies else {})

    def _take(self, request: Request, answer: httpx.Response) -> None:
        for header in answer.headers.get_list("set-cookie"):
            cookies = SimpleCookie(header)
            if "footfall_visitor" in cookies:
                self._visitor = cookies["footfall_visitor"].value
        for event, result in zip(request.events, answer.json()["results"], strict=True):
            assert result["status"] in ("accepted", "duplicate"), answer.text
            event.id = result["event_id"]
