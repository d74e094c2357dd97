"""Who sends a request, and what they may: keys of backends first, then sessions, then visitors."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from producer_api import metrics
from producer_api.errors import NotAllowed, Refused
from producer_api.intake.answers import RETRY_SECONDS
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request
from producer_api.senders.backends import Sources, keys_in
from producer_api.senders.claims import id_in, ids_in
from producer_api.senders.origin import require_allowed
from producer_api.senders.visitors import COOKIE, Visitors
from producer_api.settings import Settings
from service_kit.sessions.tokens import SessionRejected, SessionVerifier

_LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
_MAX_CACHED = 20_000


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom a request is of. All None: a trusted sender without a session."""

    user_id: str | None = None
    session_id: str | None = None
    # The name of the backend that sends for its user.
    source: str | None = None
    # For a new visitor.
    set_cookie: str | None = None


TRUSTED = Sender()


# What decides who sends, and whether they may.
_DECISIVE = (b"cookie", b"authorization", b"origin", b"sec-fetch-site", b"host")
_Credentials = tuple[bytes | None, ...]


class Senders:
    """Finds the sender of a request; those that were good are remembered until they expire."""

    def __init__(self, settings: Settings, hasher: Hasher) -> None:
        self._settings = settings
        self._sessions = SessionVerifier.from_settings(settings.sessions, _count_fetch)
        self._visitors = Visitors(hasher.derived_key("visitor"), settings.visitor_cookie_days)
        self._sources = Sources(keys_in(settings.backend_keys.reveal()))
        self._good: OrderedDict[_Credentials, tuple[Sender, float]] = OrderedDict()

    async def start(self) -> None:
        """Begin to fetch keys, where they come from a URL."""
        await self._sessions.start()

    async def stop(self) -> None:
        """Stop fetching."""
        await self._sessions.stop()

    @property
    def is_ready(self) -> bool:
        """Whether sessions can be checked."""
        return self._sessions.is_ready

    async def find(self, request: Request) -> Sender:
        """Who sends. Raise Refused: a page that may not post, no session, or one that is not accepted."""
        if key := request.header(b"footfall-key"):
            return self._of_backend(self._sources.name_of(key), request)
        credentials = tuple([request.headers.get(name) for name in _DECISIVE])
        known = self._good.get(credentials)
        if known and time.time() < known[1]:
            return known[0]
        require_allowed(
            request.header(b"origin"),
            request.header(b"sec-fetch-site"),
            request.header(b"host") or "",
            self._settings.allowed_origins,
        )
        return await self._check(request, credentials)

    def _of_backend(self, source: str, request: Request) -> Sender:
        said = {
            "Footfall-User": request.header(b"footfall-user"),
            "Footfall-Session": request.header(b"footfall-session"),
        }
        return Sender(id_in(said, "Footfall-User"), id_in(said, "Footfall-Session"), source)

    async def _check(self, request: Request, credentials: _Credentials) -> Sender:
        now, cookies = time.time(), request.cookies()
        token = cookies.get(self._settings.sessions.session_cookie) or _bearer(request)
        if token:
            try:
                verified = await self._sessions.verify(token, now)
            except SessionRejected as rejected:
                if rejected.code != "session_expired" or not self._settings.anonymous_visitors:
                    raise _refused(rejected) from rejected
            else:
                settings = self._settings
                ids = ids_in(verified.claims, settings.session_user_claim, settings.session_id_claim)
                sender = Sender(*ids)
                self._remember(credentials, sender, verified.expires)
                return sender
        if self._settings.anonymous_visitors:
            return self._visitor(request, cookies.get(COOKIE), credentials, now)
        if self._settings.trust_loopback and request.address in _LOOPBACK:
            return TRUSTED
        expected = f"a session in the cookie {self._settings.sessions.session_cookie}, or as a bearer token"
        raise NotAllowed("session_missing", expected)

    def _visitor(self, request: Request, token: str | None, credentials: _Credentials, now: float) -> Sender:
        visitor = self._visitors.read(token, now)
        if visitor and not self._visitors.is_due(visitor, now):
            sender = Sender(session_id=visitor.visitor_id)
            self._remember(credentials, sender, min(visitor.expires, now + 3600))
            return sender
        if request.opts_out:
            return Sender()  # a cookie would follow them
        visitor = visitor or self._visitors.new(now)
        other_site = request.header(b"origin") in self._settings.allowed_origins
        cookie = self._visitors.cookie(visitor, now, secure=request.is_secure, other_site=other_site)
        return Sender(session_id=visitor.visitor_id, set_cookie=cookie)

    def _remember(self, credentials: _Credentials, sender: Sender, expires: float) -> None:
        self._good[credentials] = (sender, expires)
        if len(self._good) > _MAX_CACHED:
            self._good.popitem(last=False)


def _refused(rejected: SessionRejected) -> Refused:
    """The answer to a rejected session; one that only lacks our keys is worth sending again."""
    if rejected.code == "unavailable":
        return Refused(rejected.code, rejected.expected, retry_after=RETRY_SECONDS)
    return NotAllowed(rejected.code, rejected.expected)


def _count_fetch(succeeded: bool) -> None:
    metrics.JWKS_FETCHES.labels("ok" if succeeded else "failed").inc()
    if succeeded:
        metrics.JWKS_FETCHED.set_to_current_time()


def _bearer(request: Request) -> str | None:
    scheme, _, token = (request.header(b"authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
