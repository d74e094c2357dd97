"""The gate in front of the application: who may not read gets a page, or JSON, that says how to."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.access import cookie
from dashboard.access.policy import Gate, Verdict

LOGIN, LOGOUT = "/dashboard/login", "/dashboard/logout"
# What holds no data of others.
_OPEN = ("/healthz", "/readyz", "/metrics", "/dashboard/static/")
_HEADERS = (
    # Names of events and pages come from whoever posts: nothing of them may run.
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_MAX_FORM = 8_192
_STATUSES = {Verdict.ASK: 401, Verdict.CLOSED: 403, Verdict.PENDING: 503}
_RETRY_SECONDS = 2

Refusal = Callable[[Request, Verdict, str], Response]


class Guard:
    """Around the application; `refused_page` makes the page from request, verdict and a message."""

    def __init__(self, app: ASGIApp, gate: Gate, refused_page: Refusal) -> None:
        self._app, self._gate, self._refused_page = app, gate, refused_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        request = Request(scope, receive)
        answer = await self._answer(request)
        await (answer or self._app)(scope, receive, secured)

    async def _answer(self, request: Request) -> Response | None:
        """What is said instead of the application."""
        path = request.url.path
        if path.startswith(_OPEN):
            return None
        if path == LOGIN and request.method == "POST":
            return await self._log_in(request)
        if path == LOGOUT and request.method == "POST":
            return _with_cookie(RedirectResponse("/", 303), request, "", 0)
        verdict = await self._gate.judge(request)
        return None if verdict is Verdict.WELCOME else self._refuse(request, verdict, "")

    async def _log_in(self, request: Request) -> Response:
        length = request.headers.get("content-length", "")
        body = await request.body() if length.isdecimal() and int(length) <= _MAX_FORM else b""
        form = parse_qs(body.decode(errors="replace"))
        ticket, to = self._gate.ticket_for(form.get("token", [""])[0]), form.get("to", ["/"])[0]
        if ticket is None:
            return self._refuse(request, await self._gate.judge(request), "That is not the token.")
        return _with_cookie(RedirectResponse(own_path(to), 303), request, ticket, cookie.LASTS_SECONDS)

    def _refuse(self, request: Request, verdict: Verdict, message: str) -> Response:
        status = _STATUSES[verdict]
        if "text/html" in request.headers.get("accept", ""):
            answer = self._refused_page(request, verdict, message)
            answer.status_code = status
        else:
            help_text = "Send FOOTFALL_DASHBOARD_TOKEN as a bearer token, or a session with the role."
            if verdict is Verdict.CLOSED:
                help_text = "Nobody may read: set FOOTFALL_DASHBOARD_TOKEN or FOOTFALL_DASHBOARD_ROLE."
            elif verdict is Verdict.PENDING:
                help_text = "The keys of sessions could not be fetched yet. Try again in a few seconds."
            answer = JSONResponse({"message": help_text}, status)
        answer.headers["cache-control"] = "no-store"
        if verdict is Verdict.ASK:
            answer.headers["www-authenticate"] = 'Bearer realm="footfall"'
        if verdict is Verdict.PENDING:
            answer.headers["retry-after"] = str(_RETRY_SECONDS)
        return answer


def own_path(to: str) -> str:
    """The path of this site to go on to, whatever was asked for."""
    parts = urlsplit(to)
    is_ours = to.startswith("/") and not to.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return to if is_ours and to.isprintable() else "/"


def _with_cookie(answer: Response, request: Request, value: str, seconds: int) -> Response:
    is_secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
    answer.set_cookie(
        cookie.COOKIE, value, max_age=seconds, path="/", httponly=True, samesite="strict", secure=is_secure
    )
    answer.headers["cache-control"] = "no-store"
    return answer
