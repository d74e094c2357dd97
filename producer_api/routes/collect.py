"""The collect and validate routes as plain ASGI: FastAPI's machinery would cost more than the work."""

import logging
import time
from functools import cache

import orjson
from prometheus_client import Counter
from starlette.types import Message, Receive, Scope, Send

from producer_api import metrics
from producer_api.errors import Refused
from producer_api.intake import answers, body
from producer_api.intake.answers import RETRY_SECONDS, Answer
from producer_api.intake.pipeline import Collector
from producer_api.limits.admission import Admission
from producer_api.request import Request
from producer_api.routes.deadline import Deadline
from producer_api.senders.authenticate import Sender, Senders
from producer_api.senders.origin import cors_headers, preflight_headers
from producer_api.settings import Settings

log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")


class ClientGone(Exception):
    """The client hung up before its body was whole; there is nobody to answer."""


class Endpoint:
    """One of the routes, and the preflight that browsers send before it."""

    def __init__(
        self, settings: Settings, senders: Senders, collector: Collector, *, dry_run: bool = False
    ) -> None:
        self._settings, self._senders, self._collector, self._dry_run = settings, senders, collector, dry_run
        # Bytes of the bodies that are being read in pieces.
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request.of(scope)
        method = scope["method"]
        if method != "POST":
            await self._answer_other(method, request, send)
            return
        try:
            answer, headers = await self._answer(request, receive)
        except ClientGone:
            return
        except Exception:  # the server answers 500
            _requests(500).inc()
            raise
        headers.append(_JSON)
        await _send(send, answer.status, orjson.dumps(answer.body), headers + self._cors(request))
        _requests(answer.status).inc()
        metrics.REQUEST_SECONDS.observe(time.perf_counter() - started)

    async def _answer_other(self, method: str, request: Request, send: Send) -> None:
        if method == "OPTIONS":
            origin, allowed = request.header(b"origin"), self._settings.allowed_origins
            await _send(send, 204, b"", preflight_headers(origin, allowed))
            return
        fault = {"success": False, "message": "Send events with POST.", "errors": []}
        await _send(send, 405, orjson.dumps(fault), [_JSON, (b"allow", b"POST, OPTIONS")])

    async def _answer(self, request: Request, receive: Receive) -> tuple[Answer, Headers]:
        try:
            if not self._dry_run:
                self._collector.require_open()
            body.require_media_type(request.header(b"content-type") or "")
            sender = await self._senders.find(request)
            answer, admission = await self._work(request, sender, receive)
        except Refused as refused:
            metrics.EVENTS.labels("refused", refused.fault.code).inc()
            answer = answers.for_refused(refused)
            return answer, _waiting(answer)
        return answer, [*_waiting(answer), *admission.headers(), *_cookie(sender)]

    async def _work(self, request: Request, sender: Sender, receive: Receive) -> tuple[Answer, Admission]:
        try:
            with Deadline(self._settings.body_timeout_seconds):
                received = await self._read(request, receive)
        except TimeoutError as error:
            raise Refused("body_timeout", f"a body within {self._settings.body_timeout_seconds:g} s") from error
        if self._dry_run:
            return self._collector.validate(request, sender, received)
        return await self._collector.collect(request, sender, received)

    async def _read(self, request: Request, receive: Receive) -> bytes:
        """The body, refused as soon as it is known to be too large."""
        most = self._settings.max_body_bytes
        if b"content-encoding" in request.headers:
            most = min(most, self._settings.max_compressed_bytes)
        announced = request.headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > most:
            raise body.too_large(most)
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            content: bytes = message.get("body", b"")
            if len(content) > most:
                raise body.too_large(most)
            return content
        return await self._read_chunks(message, receive, most)

    async def _read_chunks(self, message: Message, receive: Receive, most: int) -> bytes:
        """A body in pieces. All that are being read together are bounded, or slow clients fill the memory."""
        content = bytearray()
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise ClientGone
                chunk = message.get("body", b"")
                content += chunk
                self._held += len(chunk)
                if len(content) > most:
                    raise body.too_large(most)
                if self._held > self._settings.max_in_flight_bytes:
                    raise Refused("unavailable", "other requests to be done", retry_after=RETRY_SECONDS)
                if not message.get("more_body", False):
                    return bytes(content)
                message = await receive()
        finally:
            self._held -= len(content)

    def _cors(self, request: Request) -> Headers:
        origin = request.header(b"origin")
        return cors_headers(origin, self._settings.allowed_origins) if origin else []


@cache
def _requests(status: int) -> Counter:
    """Looking a label up costs more than counting."""
    return metrics.REQUESTS.labels(status)


def _waiting(answer: Answer) -> Headers:
    """`Retry-After` where waiting helps."""
    return [] if answer.retry_after is None else [(b"retry-after", str(answer.retry_after).encode())]


def _cookie(sender: Sender) -> Headers:
    return [(b"set-cookie", sender.set_cookie.encode())] if sender.set_cookie else []


async def _send(send: Send, status: int, content: bytes, headers: Headers) -> None:
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
