"""The collect and validate routes as plain ASGI: FastAPI's machinery would cost more than the work itself."""

import logging
import time
from functools import cache

import orjson
from prometheus_client import Counter
from starlette.types import Message, Receive, Scope, Send

from producer_api import metrics
from producer_api.errors import RETRY_SECONDS, RequestRejected
from producer_api.intake import answers, body
from producer_api.intake.answers import Answer
from producer_api.intake.pipeline import Pipeline
from producer_api.request import Request, Sender
from producer_api.routes.deadline import Deadline
from producer_api.senders.authenticate import Authenticator
from producer_api.senders.origin import cors_headers, preflight_headers
from producer_api.settings import Settings

log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")


class ClientDisconnected(Exception):
    """The client closed the connection before its body was complete, so there is nobody to answer."""


class CollectRoute:
    """POST for collect, or for validate (`dry_run`), and the preflight that browsers send before it."""

    def __init__(
        self, settings: Settings, authenticator: Authenticator, pipeline: Pipeline, *, dry_run: bool = False
    ) -> None:
        self._settings, self._authenticator, self._pipeline = settings, authenticator, pipeline
        self._dry_run = dry_run
        # The bytes received so far of all bodies that arrive in chunks.
        self._partial_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request.of(scope)
        method = scope["method"]
        if method != "POST":
            await self._answer_other_method(method, request, send)
            return
        try:
            answer, headers = await self._answer(request, receive)
        except ClientDisconnected:
            return
        except Exception:  # the server answers 500
            _requests(500).inc()
            raise
        headers.append(_JSON)
        await _send(send, answer.status, orjson.dumps(answer.body), headers + _cors(request))
        _requests(answer.status).inc()
        metrics.REQUEST_SECONDS.observe(time.perf_counter() - started)

    async def _answer_other_method(self, method: str, request: Request, send: Send) -> None:
        if method == "OPTIONS":
            await _send(send, 204, b"", preflight_headers(request.header(b"origin")))
            return
        fault = {"success": False, "message": "Send events with POST.", "errors": []}
        await _send(send, 405, orjson.dumps(fault), [_JSON, (b"allow", b"POST, OPTIONS")])

    async def _answer(self, request: Request, receive: Receive) -> tuple[Answer, Headers]:
        try:
            sender, received = await self._receive(request, receive)
        except RequestRejected as rejected:
            if not self._dry_run and rejected.retry_after is None:
                self._pipeline.publish_rejected_request(rejected)
            return _rejection(rejected)
        process = self._pipeline.validate if self._dry_run else self._pipeline.collect
        try:
            answer, admission = await process(request, sender, received)
        except RequestRejected as rejected:
            return _rejection(rejected)
        tag = self._authenticator.sender_tag(request, sender)
        return answer, [*_retry_after(answer), *admission.headers(), *_cookie(sender), *_sender_tag(tag)]

    async def _receive(self, request: Request, receive: Receive) -> tuple[Sender, bytes]:
        """The sender of a request that may be sent here, and its body."""
        if not self._dry_run:
            self._pipeline.require_available()
        body.require_media_type(request.header(b"content-type") or "")
        sender = await self._authenticator.authenticate(request)
        seconds = self._settings.body_timeout_seconds
        try:
            with Deadline(seconds):
                content = await self._read(request, receive)
        except TimeoutError as error:
            raise RequestRejected("body_timeout", f"a complete body within {seconds:g} s") from error
        if sender.is_new_visitor:
            event_id = body.first_event_id(content, request.header(b"content-encoding") or "")
            sender = self._authenticator.known_by_event(request, sender, event_id)
        return sender, content

    async def _read(self, request: Request, receive: Receive) -> bytes:
        """The body. Rejected as soon as it is known to be too large."""
        max_bytes = self._settings.max_body_bytes
        if b"content-encoding" in request.headers:
            max_bytes = min(max_bytes, self._settings.max_compressed_bytes)
        announced = request.headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > max_bytes:
            raise body.too_large(max_bytes)
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            content: bytes = message.get("body", b"")
            if len(content) > max_bytes:
                raise body.too_large(max_bytes)
            return content
        return await self._read_chunks(message, receive, max_bytes)

    async def _read_chunks(self, message: Message, receive: Receive, max_bytes: int) -> bytes:
        """A body in chunks. All such bodies together are bounded too, or slow clients would fill the memory."""
        content = bytearray()
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise ClientDisconnected
                chunk = message.get("body", b"")
                content += chunk
                self._partial_bytes += len(chunk)
                if len(content) > max_bytes:
                    raise body.too_large(max_bytes)
                if self._partial_bytes > self._settings.max_in_flight_bytes:
                    raise RequestRejected("unavailable", "", retry_after=RETRY_SECONDS)
                if not message.get("more_body", False):
                    return bytes(content)
                message = await receive()
        finally:
            self._partial_bytes -= len(content)


def _cors(request: Request) -> Headers:
    origin = request.header(b"origin")
    return cors_headers(origin) if origin else []


@cache
def _requests(status: int) -> Counter:
    """The counter of a status: looking up a label costs more than counting."""
    return metrics.REQUESTS.labels(status)


def _rejection(rejected: RequestRejected) -> tuple[Answer, Headers]:
    metrics.EVENTS.labels("request_rejected", rejected.fault.code).inc()
    answer = answers.for_rejected_request(rejected)
    return answer, _retry_after(answer)


def _retry_after(answer: Answer) -> Headers:
    return [] if answer.retry_after is None else [(b"retry-after", str(answer.retry_after).encode())]


def _cookie(sender: Sender) -> Headers:
    return [(b"set-cookie", sender.set_cookie.encode())] if sender.set_cookie else []


def _sender_tag(tag: str | None) -> Headers:
    return [(b"footfall-sender", tag.encode())] if tag else []


async def _send(send: Send, status: int, content: bytes, headers: Headers) -> None:
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
