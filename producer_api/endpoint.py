"""The collect route as a plain ASGI application: FastAPI's machinery would cost more than the work."""

import logging

import orjson
from starlette.requests import cookie_parser
from starlette.types import Receive, Scope, Send

from producer_api import answers, body, metrics
from producer_api.answers import Answer
from producer_api.collector import Collector, Request
from producer_api.errors import Refused
from producer_api.origin import cors_headers, preflight_headers, require_allowed
from producer_api.quota import Admission
from producer_api.settings import Settings

log = logging.getLogger(__name__)

Headers = list[tuple[str, str]]


class ClientGone(Exception):
    """The client hung up before its body was whole; there is nobody to answer."""


class CollectEndpoint:
    """`POST /api/analytics/collect`, and the preflight that browsers send before it."""

    def __init__(self, collector: Collector, settings: Settings) -> None:
        self._collector, self._settings = collector, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope)
        origin = request.headers.get("origin")
        if scope["method"] == "OPTIONS":
            await _send(send, 204, b"", preflight_headers(origin, self._settings.allowed_origins))
            return
        try:
            answer, admission = await self._answer(request, receive)
        except ClientGone:
            return
        headers = cors_headers(origin, self._settings.allowed_origins)
        await _send(send, answer.status, orjson.dumps(answer.body), [*headers, *_limits(answer, admission)])
        metrics.REQUESTS.labels(answer.status).inc()

    async def _answer(self, request: Request, receive: Receive) -> tuple[Answer, Admission | None]:
        try:
            self._collector.require_open()
            require_allowed(
                request.headers.get("origin"),
                request.headers.get("sec-fetch-site"),
                request.headers.get("host", ""),
                self._settings.allowed_origins,
            )
            body.require_media_type(request.headers.get("content-type", ""))
            session = self._collector.session(request)
            received = await self._read(request, receive)
            return await self._collector.collect(request, session, received)
        except Refused as refused:
            metrics.EVENTS.labels("refused", refused.fault.code).inc()
            return answers.for_refused(refused), None

    async def _read(self, request: Request, receive: Receive) -> bytes:
        """The body, refused as soon as it is known to be too large."""
        most = self._settings.most_body_bytes
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > most:
            raise body.too_large(most)
        chunks, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                raise body.too_large(most)
            more = message.get("more_body", False)
        return b"".join(chunks)


def _request(scope: Scope) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    cookies = cookie_parser(headers["cookie"]) if "cookie" in headers else {}
    client = scope.get("client")
    return Request(headers, cookies, client[0] if client else "unknown")


def _limits(answer: Answer, admission: Admission | None) -> Headers:
    """`Retry-After` where waiting helps, and what is left of the minute."""
    headers: Headers = []
    if answer.retry_after is not None:
        headers.append(("retry-after", str(answer.retry_after)))
    if admission is not None:
        reset = admission.retry_after
        headers.append(("ratelimit-policy", f'"user";q={admission.limit};w=60'))
        headers.append(("ratelimit", f'"user";r={admission.remaining};t={reset}'))
    return headers


async def _send(send: Send, status: int, content: bytes, headers: Headers) -> None:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    encoded.append((b"content-length", str(len(content)).encode()))
    if content:
        encoded.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})
