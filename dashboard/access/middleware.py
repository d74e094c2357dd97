"""ASGI middleware that enforces the access policy. A request without access gets a page or JSON that says why."""

import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import api_keys
from dashboard.access import login_cookie
from dashboard.access.policy import Access, AccessPolicy, bearer_of

LOGIN, LOGOUT = "/dashboard/login", "/dashboard/logout"
# Paths that serve no event data.
_PUBLIC_PATHS = ("/healthz", "/readyz", "/metrics", "/dashboard/static/")
_SECURITY_HEADERS = (
    # Names of events and pages come from the senders of events: nothing in them may run.
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_MAX_FORM_BYTES = 8_192
_STATUSES = {Access.LOGIN_REQUIRED: 401, Access.DISABLED: 403, Access.UNAVAILABLE: 503}
_MESSAGES = {
    Access.LOGIN_REQUIRED: "Send FOOTFALL_DASHBOARD_TOKEN as a bearer token, or a session that has the role.",
    Access.DISABLED: "Access is disabled: set FOOTFALL_DASHBOARD_TOKEN or FOOTFALL_DASHBOARD_ROLE.",
    Access.UNAVAILABLE: "The keys that verify sessions could not be fetched yet. Try again in a few seconds.",
}
_RETRY_AFTER_SECONDS = 2

Headers = list[tuple[bytes, bytes]]
# Makes the page from the request, the reason and a message.
DeniedPage = Callable[[Request, Access, str], Response]


class AccessMiddleware:
    """Wraps the application, adds security headers to every response, and serves login and logout."""

    def __init__(
        self, app: ASGIApp, policy: AccessPolicy, denied_page: DeniedPage, keys: api_keys.ApiKeys | None = None
    ) -> None:
        self._app, self._policy, self._denied_page, self._keys = app, policy, denied_page, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        added = list(_SECURITY_HEADERS)

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        request = Request(scope, receive)
        response = await self._response(request, added)
        await (response or self._app)(scope, receive, send_secured)

    async def _response(self, request: Request, added: Headers) -> Response | None:
        """The response in place of the application's; None where the application may respond."""
        path: str = request.scope["path"]  # what the application routes by; a URL is made with the header Host
        if path.startswith(_PUBLIC_PATHS):
            return None
        if path == LOGIN and request.method == "POST":
            return await self._log_in(request)
        if path == LOGOUT and request.method == "POST":
            return _with_cookie(RedirectResponse("/", 303), request, "", 0)
        text, scope = bearer_of(request) or "", api_keys.scope_of(path)
        if self._keys and scope and text.startswith(api_keys.PREFIX):
            return _with_key(self._keys, text, scope, added)
        access = await self._policy.check(request)
        return None if access is Access.GRANTED else self._deny(request, access, "")

    async def _log_in(self, request: Request) -> Response:
        length = request.headers.get("content-length", "")
        body = await request.body() if length.isdecimal() and int(length) <= _MAX_FORM_BYTES else b""
        form = parse_qs(body.decode(errors="replace"))
        cookie = self._policy.log_in(form.get("token", [""])[0])
        redirect = RedirectResponse(own_path(form.get("to", ["/"])[0]), 303)
        if cookie:
            return _with_cookie(redirect, request, cookie, login_cookie.MAX_AGE_SECONDS)
        access = await self._policy.check(request)
        # Somebody with a session, or on this machine, needs no token.
        return redirect if access is Access.GRANTED else self._deny(request, access, "The token is wrong.")

    def _deny(self, request: Request, access: Access, message: str) -> Response:
        status = _STATUSES[access]
        if "text/html" in request.headers.get("accept", ""):
            response = self._denied_page(request, access, message)
            response.status_code = status
        else:
            response = JSONResponse({"message": _MESSAGES[access]}, status)
        response.headers["cache-control"] = "no-store"
        if access is Access.LOGIN_REQUIRED:
            response.headers["www-authenticate"] = 'Bearer realm="footfall"'
        if access is Access.UNAVAILABLE:
            response.headers["retry-after"] = str(_RETRY_AFTER_SECONDS)
        return response


def _with_key(keys: api_keys.ApiKeys, text: str, scope: str, added: Headers) -> Response | None:
    """What a request with a key gets instead of the application's response. `added`: headers of any response."""
    key = keys.find(text)
    if key is None:
        return _refused(401, "This key is unknown or revoked. Make one with footfall key create.")
    if scope not in key.scopes:
        has = ", ".join(sorted(key.scopes))
        return _refused(403, f"This needs a key with the scope {scope}; the key {key.name} has {has}.")
    usage = keys.use(key, time.monotonic())
    added += usage.headers()
    if usage.is_granted:
        return None
    response = _refused(
        429, f"The key {key.name} may ask {usage.limit} times per minute. Wait as Retry-After says."
    )
    response.headers["retry-after"] = str(usage.retry_after)
    return response


def _refused(status: int, message: str) -> Response:
    response = JSONResponse({"message": message}, status, headers={"cache-control": "no-store"})
    if status == 401:
        response.headers["www-authenticate"] = 'Bearer realm="footfall"'
    return response


def own_path(to: str) -> str:
    """The path to go on to after a login: always of this site, whatever the form says."""
    parts = urlsplit(to)
    is_own = to.startswith("/") and not to.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return to if is_own and to.isprintable() else "/"


def _with_cookie(response: Response, request: Request, value: str, max_age_seconds: int) -> Response:
    is_secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
    response.set_cookie(
        login_cookie.NAME,
        value,
        max_age=max_age_seconds,
        path="/",
        httponly=True,
        samesite="strict",
        secure=is_secure,
    )
    response.headers["cache-control"] = "no-store"
    return response
