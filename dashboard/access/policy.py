"""The access policy: the token, a login cookie, a session with the role, or this machine itself grant access."""

import time
from enum import Enum

from starlette.requests import HTTPConnection

from dashboard import metrics
from dashboard.access import login_cookie
from dashboard.access.roles import roles_in
from dashboard.settings import Settings
from service_kit.local_requests import is_local, joined
from service_kit.sessions.credentials import session_tokens
from service_kit.sessions.tokens import SessionRejected, SessionVerifier


class Access(Enum):
    """Whether a request may read, and if not, why."""

    GRANTED = "granted"
    # A token or a session with the role would be granted access.
    LOGIN_REQUIRED = "login_required"
    # Neither a token nor a role is configured, so nobody is granted access.
    DISABLED = "disabled"
    # The request has a session, but the keys to verify it have not been fetched yet.
    UNAVAILABLE = "unavailable"


class AccessPolicy:
    """Decides about each request, from the settings."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.dashboard_token.reveal() if settings.dashboard_token else None
        self._roles = frozenset(filter(None, (settings.dashboard_role, settings.dashboard_editor_role)))
        self._editor_role, self._role_claim = settings.dashboard_editor_role, settings.dashboard_role_claim
        # Without a role no session is granted access, so none is verified.
        self._sessions = SessionVerifier.from_settings(settings.sessions, _count_fetch) if self._roles else None
        self._session_cookie, self._trust_loopback = settings.sessions.session_cookie, settings.trust_loopback

    async def start(self) -> None:
        """Start fetching session keys, if they come from a JWKS URL."""
        if self._sessions:
            await self._sessions.start()

    async def stop(self) -> None:
        """Stop fetching session keys."""
        if self._sessions:
            await self._sessions.stop()

    @property
    def is_ready(self) -> bool:
        """Whether sessions can be verified, where sessions are granted access."""
        return self._sessions is None or self._sessions.is_ready

    @property
    def has_token(self) -> bool:
        """Whether a token is configured."""
        return self._token is not None

    async def check(self, request: HTTPConnection) -> Access:
        """Whether the request may read."""
        if self._trust_loopback and _is_local(request):
            return Access.GRANTED
        bearer = bearer_of(request)
        if self._token and self._has_token(request, bearer):
            return Access.GRANTED
        if self._sessions:
            return await self._check_session(self._sessions, request)
        return Access.LOGIN_REQUIRED if self._token else Access.DISABLED

    async def may_edit(self, request: HTTPConnection) -> bool:
        """Whether the request may change something. A token never may: it does not say who has it."""
        if self._trust_loopback and _is_local(request):
            return True
        if not (self._sessions and self._editor_role):
            return False
        try:
            return self._editor_role in await self._session_roles(self._sessions, request)
        except SessionRejected:
            return False

    async def _check_session(self, sessions: SessionVerifier, request: HTTPConnection) -> Access:
        try:
            roles = await self._session_roles(sessions, request)
        except SessionRejected as rejected:
            return Access.UNAVAILABLE if rejected.code == "unavailable" else Access.LOGIN_REQUIRED
        return Access.LOGIN_REQUIRED if self._roles.isdisjoint(roles) else Access.GRANTED

    async def _session_roles(self, sessions: SessionVerifier, request: HTTPConnection) -> list[str]:
        """The roles of the request's session, none without one. Raise `SessionRejected`."""
        cookies = "; ".join(request.headers.getlist("cookie"))
        authorization = ", ".join(request.headers.getlist("authorization"))
        rejections = list[SessionRejected]()
        for token in session_tokens(cookies, authorization, self._session_cookie):
            try:
                verified = await sessions.verify(token, time.time())
            except SessionRejected as rejected:
                rejections.append(rejected)  # another application's, perhaps
            else:
                return roles_in(verified.claims.get(self._role_claim))
        if rejections:
            raise min(rejections, key=lambda each: each.code != "unavailable")
        return []

    def log_in(self, text: str) -> str | None:
        """The value of a login cookie, if the text is the token."""
        if self._token and login_cookie.is_token(text, self._token):
            return login_cookie.issue(self._token, time.time())
        return None

    def _has_token(self, request: HTTPConnection, bearer: str | None) -> bool:
        assert self._token
        if bearer and login_cookie.is_token(bearer, self._token):
            return True
        return login_cookie.is_valid(request.cookies.get(login_cookie.NAME, ""), self._token, time.time())


def _is_local(request: HTTPConnection) -> bool:
    ip = request.client.host if request.client else None
    return is_local(ip, request.headers.get("host", ""), joined(request.headers.items()))


def _count_fetch(succeeded: bool) -> None:
    metrics.JWKS_FETCHES.labels("ok" if succeeded else "failed").inc()
    if succeeded:
        metrics.JWKS_FETCHED.set_to_current_time()


def bearer_of(request: HTTPConnection) -> str | None:
    """The bearer token of a request."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
