"""What an attacker has: addresses of its own, sessions of users it signed up, and all that listens."""

import asyncio
import gzip
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from tests.support.no_tls import NO_TLS

COLLECT = "/api/analytics/collect"
# Another loopback address than that of the good client: limits are counted per address.
ATTACKER = "127.0.0.66"
# From here the dashboard is open without a token.
READER = "127.0.0.1"
Outcomes = Counter[str]


@dataclass(frozen=True, slots=True)
class Target:
    """A running stack, as an attacker reaches it; it is passed to another process."""

    port: int
    probes: tuple[int, ...]
    kafka: str
    session_key: str

    def client(self, address: str = ATTACKER) -> httpx.AsyncClient:
        """A client that sends from this address."""
        limits = httpx.Limits(max_connections=20)
        transport = httpx.AsyncHTTPTransport(local_address=address, limits=limits, verify=NO_TLS)
        return httpx.AsyncClient(transport=transport, base_url=f"http://localhost:{self.port}", timeout=60)

    def cookie(self, user: str) -> str:
        """The cookie of a user whom the application signed in."""
        claims = {"sub": user, "exp": int(time.time()) + 36_000}
        return f"session={jwt.encode(claims, self.session_key)}"

    async def post(
        self,
        client: httpx.AsyncClient,
        body: Any,
        *,
        user: str = "mallory",
        compressed: bool = False,
        headers: dict[str, str] | None = None,
    ) -> str:
        """Post to the collector; the status as text, or that there was no answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json", "cookie": self.cookie(user)} | (headers or {})
        if compressed:
            content = await asyncio.to_thread(gzip.compress, content, 1)
            sent["content-encoding"] = "gzip"
        try:
            answer = await client.post(COLLECT, content=content, headers=sent)
        except httpx.TransportError as error:
            return type(error).__name__
        return str(answer.status_code)

    async def post_all(self, bodies: list[Any], **options: Any) -> Outcomes:
        """Post one body after the other."""
        async with self.client() as client:
            return Outcomes([await self.post(client, body, **options) for body in bodies])

    async def connect(
        self, port: int | None = None, address: str = ATTACKER
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection from this address."""
        return await asyncio.open_connection("127.0.0.1", port or self.port, local_addr=(address, 0))


def event(event_type: str, **data: Any) -> dict[str, Any]:
    return {"event_type": event_type, "event_data": data}
