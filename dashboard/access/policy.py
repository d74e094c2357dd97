"""Lets in who may read: by token, by the ticket it was changed for, by a session with a role, or from here."""

import time
from enum import Enum

from starlette.requests import HTTPConnection

from dashboard import metrics
from dashboard.access import cookie
from dashboard.access.roles import roles_in
from dashboard.settings import Settings
from service_kit.sessions.tokens import SessionRejected, SessionVerifier

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Verdict(Enum):
    """What becomes of a request."""

    WELCOME = "welcome"
    # Somebody could get in, with a token or a session.
    ASK = "ask"
    # Nobody can: nothing is set that would let anybody in.
    CLOSED = "closed"
    # The session cannot be verified yet.
    PENDING = "pending"


class Gate:
    """Decides for each request."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.dashboard_token.reveal() if settings.dashboard_token else None
        self._role, self._role_claim = settings.dashboard_role, settings.dashboard_role_claim
        # Without a role no session opens anything, so none is verified.
        self._sessions = (
            SessionVerifier.from_settings(settings.sessions, _count_fetch) if settings.dashboard_role else None
        )
        self._cookie, self._trust_loopback = settings.sessions.session_cookie, settings.trust_loopback

    async def start(self) -> None:
        """Begin to fetch the keys of sessions, where they come from a URL."""
        if self._sessions:
            await self._sessions.start()

    async def stop(self) -> None:
        """Stop fetching."""
        if self._sessions:
            await self._sessions.stop()

    @property
    def is_ready(self) -> bool:
        """Whether sessions can be verified, if they let anybody in."""
        return self._sessions is None or self._sessions.is_ready

    @property
    def has_token(self) -> bool:
        """Whether there is a token to ask for."""
        return self._token is not None

    async def judge(self, request: HTTPConnection) -> Verdict:
        """Whether the request may read."""
        if self._trust_loopback and is_local(request):
            return Verdict.WELCOME
        bearer = _bearer(request)
        if self._token and self._has_token(request, bearer):
            return Verdict.WELCOME
        if self._sessions:
            token = request.cookies.get(self._cookie) or bearer
            return await self._judge_session(self._sessions, token) if token else Verdict.ASK
        return Verdict.ASK if self._token else Verdict.CLOSED

    async def _judge_session(self, sessions: SessionVerifier, token: str) -> Verdict:
        try:
            verified = await sessions.verify(token, time.time())
        except SessionRejected as rejected:
            return Verdict.PENDING if rejected.code == "unavailable" else Verdict.ASK
        is_welcome = self._role in roles_in(verified.claims.get(self._role_claim))
        return Verdict.WELCOME if is_welcome else Verdict.ASK

    def ticket_for(self, offered: str) -> str | None:
        """A ticket for who offers the token, None where it is not the token."""
        if self._token and cookie.is_token(offered, self._token):
            return cookie.ticket(self._token, time.time())
        return None

    def _has_token(self, request: HTTPConnection, bearer: str | None) -> bool:
        assert self._token
        if bearer and cookie.is_token(bearer, self._token):
            return True
        return cookie.is_good(request.cookies.get(cookie.COOKIE, ""), self._token, time.time())


def is_local(request: HTTPConnection) -> bool:
    """Whether it comes from this machine, and was meant for it.

    A page of another site may have its own name resolve to 127.0.0.1 and so make a browser ask us: the name in
    `Host` shows that.
    """
    is_near = request.client is not None and request.client.host in _LOOPBACK
    return is_near and "x-forwarded-for" not in request.headers and request.url.hostname in _LOCAL_NAMES


def _count_fetch(succeeded: bool) -> None:
    metrics.JWKS_FETCHES.labels("ok" if succeeded else "failed").inc()
    if succeeded:
        metrics.JWKS_FETCHED.set_to_current_time()


def _bearer(request: HTTPConnection) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
