"""Authenticates the sender of a request: by backend key, else by session, else by visitor cookie.

A session and a visitor cookie together name the user and the browser.
"""

import hashlib
import time
from collections import OrderedDict
from dataclasses import replace

from producer_api import metrics
from producer_api.errors import RETRY_SECONDS, Forbidden, RequestRejected
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request, Sender
from producer_api.senders.backends import BackendKeys, parse_keys
from producer_api.senders.claims import parse_id, user_and_session_ids
from producer_api.senders.origin import AllowedOrigins, require_allowed
from producer_api.senders.visitors import Visitor, VisitorCookies, cookie_name
from producer_api.settings import Settings
from service_kit.local_requests import is_local
from service_kit.sessions.credentials import cookie_values, session_tokens
from service_kit.sessions.tokens import SessionRejected, SessionVerifier

_MAX_CACHED = 20_000
_MAX_VISITOR_SECONDS = 3600
# The headers that decide the sender, whether its page may post, and whether it gets a cookie. Their digest is the
# cache's key: the headers themselves can be as long as their sender likes.
_CREDENTIAL_HEADERS = (b"cookie", b"authorization", b"origin", b"sec-fetch-site", b"host", b"sec-gpc", b"dnt")
_DIGEST_BYTES = 16
_ABSENT = b"\0"


class Authenticator:
    """Finds the sender of a request. Senders are cached by their credentials until those expire or keys change."""

    def __init__(self, settings: Settings, hasher: Hasher) -> None:
        self._settings, self._hasher = settings, hasher
        self._allowed_origins = AllowedOrigins(settings.allowed_origins, trust_loopback=settings.trust_loopback)
        self._sessions = SessionVerifier.from_settings(settings.sessions, _count_fetch)
        self._visitor_cookies = VisitorCookies(hasher.derived_key("visitor"), settings.visitor_cookie_days)
        self._backend_keys = BackendKeys(parse_keys(settings.backend_keys.reveal()))
        # Each sender, and until when it may be used (seconds since 1970); oldest first.
        self._cache: OrderedDict[bytes, tuple[Sender, float]] = OrderedDict()
        # The generation of the session keys that the cached sessions were verified with.
        self._generation = self._sessions.generation

    async def start(self) -> None:
        """Begin to fetch session keys, if they come from a URL."""
        await self._sessions.start()

    async def stop(self) -> None:
        """Stop fetching session keys."""
        await self._sessions.stop()

    @property
    def is_ready(self) -> bool:
        """Whether sessions can be verified."""
        return self._sessions.is_ready

    def sender_tag(self, request: Request, sender: Sender) -> str | None:
        """What tells a page whether the sender has changed. Others do not store events for whoever comes next."""
        sender_id = sender.user_id or sender.session_id or sender.visitor_id
        if not sender_id or sender.backend or request.opts_out or b"origin" not in request.headers:
            return None
        return self._hasher.sender_tag(sender_id)

    async def authenticate(self, request: Request) -> Sender:
        """The sender. Raise RequestRejected for a page that may not post, and for a missing or invalid session."""
        if key := request.header(b"footfall-key"):
            return _of_backend(self._backend_keys.name_of(key), request)
        if self._generation != self._sessions.generation:  # a key may have been withdrawn
            self._generation = self._sessions.generation
            self._cache.clear()
        credentials = _digest(request)
        cached = self._cache.get(credentials)
        if cached and time.time() < cached[1]:
            return cached[0]
        require_allowed(
            request.header(b"origin"),
            request.header(b"sec-fetch-site"),
            request.header(b"host") or "",
            self._allowed_origins,
        )
        return await self._verify(request, credentials)

    def known_by_event(self, request: Request, sender: Sender, event_id: str | None) -> Sender:
        """The sender; of a new visitor the one whom the id of the first event leads to, if it has its own."""
        if event_id is None or not sender.is_new_visitor:
            return sender
        now, agent = time.time(), request.header(b"user-agent") or ""
        visitor = self._visitor_cookies.new_by_event(event_id, request.ip, agent, now)
        cookie = self._new_cookie(request, visitor, now)[1]
        return replace(sender, visitor_id=visitor.visitor_id, set_cookie=cookie)

    async def _verify(self, request: Request, credentials: bytes) -> Sender:
        """The sender by the first valid session, else as if there were none.

        A cookie or a token of another application does not keep anybody out who would be let in without it.
        """
        settings, now = self._settings, time.time()
        rejections = list[RequestRejected]()
        cookies, authorization = request.header(b"cookie"), request.header(b"authorization")
        for token in session_tokens(cookies, authorization, settings.sessions.session_cookie):
            try:
                verified = await self._sessions.verify(token, now)
                user_id, session_id = user_and_session_ids(
                    verified.claims, settings.session_user_claim, settings.session_id_claim
                )
            except SessionRejected as rejected:
                rejections.append(_rejection(rejected))
            except Forbidden as rejected:
                rejections.append(rejected)
            else:
                sender = Sender(user_id=user_id, session_id=session_id)
                return self._signed_in(request, sender, credentials, verified.expires, now)
        if unavailable := next((each for each in rejections if each.retry_after is not None), None):
            raise unavailable  # this session may be valid
        if rejections and (settings.anonymous_visitors or settings.trust_loopback):
            metrics.REJECTED_SESSIONS.labels(rejections[0].fault.code).inc()
        if self._takes_visitors(request):
            return self._anonymous(request, credentials, now)
        if rejections:
            # Of several, an expired one is the application's own.
            raise min(rejections, key=lambda each: each.fault.code != "session_expired")
        cookie = settings.sessions.session_cookie
        expected = f"a session in the cookie {cookie} or as a bearer token, or FOOTFALL_ANONYMOUS_VISITORS=true"
        raise Forbidden("session_missing", expected)

    def _takes_visitors(self, request: Request) -> bool:
        """Whether the sender may be a visitor: on a developer's machine too, so that its pages have people."""
        settings = self._settings
        return settings.anonymous_visitors or (settings.trust_loopback and _is_local(request))

    def _signed_in(
        self,
        request: Request,
        sender: Sender,
        credentials: bytes,
        expires: float,
        now: float,
    ) -> Sender:
        """A sender with a session, and the visitor of the browser, so that both can be linked."""
        if self._takes_visitors(request):
            visitor, is_current = self._visitor(request, now)
            if visitor:
                sender = replace(sender, visitor_id=visitor.visitor_id)
                expires = min(expires, visitor.expires, now + _MAX_VISITOR_SECONDS)
            # Programs with a token would not keep the cookie.
            cookie = self._settings.sessions.session_cookie
            is_browser = bool(cookie_values(request.header(b"cookie"), cookie)) or b"origin" in request.headers
            if not is_current and is_browser and not request.opts_out:
                # The id of a new cookie is not in events until the browser has sent it back.
                return replace(sender, set_cookie=self._new_cookie(request, visitor, now)[1])
        self._remember(credentials, sender, expires)
        return sender

    def _anonymous(self, request: Request, credentials: bytes, now: float) -> Sender:
        visitor, is_current = self._visitor(request, now)
        if visitor and is_current:
            sender = Sender(visitor_id=visitor.visitor_id)
            self._remember(credentials, sender, min(visitor.expires, now + _MAX_VISITOR_SECONDS))
            return sender
        if request.opts_out:
            return Sender()  # a new or renewed cookie would track them
        is_new = visitor is None
        visitor, cookie = self._new_cookie(request, visitor, now)
        return Sender(visitor_id=visitor.visitor_id, is_new_visitor=is_new, set_cookie=cookie)

    def _visitor(self, request: Request, now: float) -> tuple[Visitor | None, bool]:
        """The visitor that a cookie names, and whether the cookie lasts for long enough."""
        for value in cookie_values(request.header(b"cookie"), cookie_name(secure=request.is_secure)):
            if visitor := self._visitor_cookies.verify(value, now):
                return visitor, not self._visitor_cookies.needs_renewal(visitor, now)
        return None, False

    def _new_cookie(self, request: Request, visitor: Visitor | None, now: float) -> tuple[Visitor, str]:
        """A new or renewed cookie, and the visitor whom it names."""
        visitor = visitor or self._visitor_cookies.new(now)
        other_site = request.header(b"origin") in self._allowed_origins
        cookie = self._visitor_cookies.set_cookie(visitor, now, secure=request.is_secure, other_site=other_site)
        return visitor, cookie

    def _remember(self, credentials: bytes, sender: Sender, expires: float) -> None:
        if sender.visitor_id and not self._settings.anonymous_visitors:
            return  # the credentials do not say whether a request is of this machine
        self._cache[credentials] = (sender, expires)
        if len(self._cache) > _MAX_CACHED:
            self._cache.popitem(last=False)


def _digest(request: Request) -> bytes:
    values = [request.headers.get(name, _ABSENT) for name in _CREDENTIAL_HEADERS]
    values.append(b"https" if request.is_secure else b"http")  # the visitor's cookie has another name
    # No value of a header contains a line break.
    return hashlib.blake2b(b"\n".join(values), digest_size=_DIGEST_BYTES).digest()


def _of_backend(backend: str, request: Request) -> Sender:
    ids = {
        "Footfall-User": request.text(b"footfall-user"),
        "Footfall-Session": request.text(b"footfall-session"),
    }
    return Sender(
        user_id=parse_id(ids, "Footfall-User"),
        session_id=parse_id(ids, "Footfall-Session"),
        backend=backend,
    )


def _is_local(request: Request) -> bool:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items()}
    return is_local(request.ip, request.header(b"host") or "", headers)


def _rejection(rejected: SessionRejected) -> RequestRejected:
    """The answer to a rejected session. If only our keys are missing, the request can be sent again."""
    if rejected.code == "unavailable":
        return RequestRejected(rejected.code, rejected.expected, retry_after=RETRY_SECONDS)
    return Forbidden(rejected.code, rejected.expected)


def _count_fetch(succeeded: bool) -> None:
    metrics.JWKS_FETCHES.labels("ok" if succeeded else "failed").inc()
    if succeeded:
        metrics.JWKS_FETCHED.set_to_current_time()
