"""The way of a request: who sends, how much, what; then Kafka; then the answer."""

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from avro_schemas import event_ids
from avro_schemas.checks import Fault
from producer_api import answers, body, metrics
from producer_api.answers import Answer, Result
from producer_api.errors import NotAllowed, Unavailable
from producer_api.intake import Accepted, Intake, Visit, sent_at_of
from producer_api.privacy import Hasher
from producer_api.publisher import Header, Outgoing
from producer_api.quota import Admission, Quota
from producer_api.recent import RecentIds, digest
from producer_api.session import TRUSTED, Session, SessionReader
from producer_api.settings import Settings

CONTENT_TYPE = b"application/vnd.confluent.avro"
SOURCE = b"/api/analytics/collect"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
_LONGEST_USER_AGENT = 500


class Publishing(Protocol):
    """What the collector needs of a publisher."""

    @property
    def is_open(self) -> bool: ...

    async def publish(self, records: Sequence[Outgoing]) -> None: ...


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its body. Header names are in lower case."""

    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    address: str


@dataclass(slots=True)
class _Work:
    """A request's events and their results, filled in as they become known."""

    visit: Visit
    raw_events: list[Any]
    results: dict[int, Result] = field(default_factory=dict)
    # Event ids of the client's own: where each came first, and its content.
    own: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    # Repeats within the request share the result of the first.
    repeats: dict[int, int] = field(default_factory=dict)
    accepted: dict[int, Accepted] = field(default_factory=dict)


class Collector:
    """Takes requests; holds the limits and what was acknowledged lately."""

    def __init__(self, settings: Settings, publisher: Publishing) -> None:
        self._settings, self._publisher = settings, publisher
        self._hasher = Hasher(settings.hash_key.reveal())
        self._sessions = SessionReader(
            settings.session_key.reveal(),
            user_claim=settings.session_user_claim,
            session_claim=settings.session_id_claim,
        )
        self._intake = Intake(
            any_custom=settings.custom_events == "any", most_event_bytes=settings.most_event_bytes
        )
        evicted = metrics.QUOTA_EVICTIONS.inc
        self._users = Quota(settings.events_per_minute, evicted=evicted)
        self._addresses = Quota(settings.events_per_minute_per_address, evicted=evicted)
        self._recent = RecentIds()

    def require_open(self) -> None:
        """Raise Unavailable while Kafka takes nothing: before any work is done."""
        if not self._publisher.is_open:
            raise Unavailable("unavailable", "Kafka to be back", retry_after=answers.RETRY_SECONDS)

    def session(self, request: Request) -> Session:
        """Who sends. Raise NotAllowed without a valid session."""
        token = request.cookies.get(self._settings.session_cookie) or _bearer(request.headers)
        if token:
            return self._sessions.read(token, time.time())
        if self._settings.trust_loopback and request.address in _LOOPBACK:
            return TRUSTED
        expected = f"a session in the cookie {self._settings.session_cookie}, or as a bearer token"
        raise NotAllowed("session_missing", expected)

    async def collect(
        self, request: Request, session: Session, raw_body: bytes
    ) -> tuple[Answer, Admission | None]:
        """The answer to a request, and what is left of the user's limit."""
        encoding = request.headers.get("content-encoding", "").strip().lower()
        parsed = body.parse(body.unpack(raw_body, encoding, self._settings.most_body_bytes))
        raw_events, single = body.events_of(parsed, self._settings.most_events)
        work = _Work(self._visit(request, session, sent_at_of(parsed)), raw_events)
        admission = self._sort(work, request.address)
        await self._publish(work, request.headers.get("traceparent"))
        results = [work.results[index] for index in range(len(raw_events))]
        _count(results)
        return (answers.for_single(results[0]) if single else answers.for_list(results)), admission

    def _visit(self, request: Request, session: Session, sent_at: int | None) -> Visit:
        now = time.time_ns() // 1_000_000
        return Visit(
            received_at=now,
            user_key=self._hasher.user_key(session.user_id) if session.user_id else None,
            session_key=self._hasher.session_key(session.session_id) if session.session_id else None,
            ip_hash=self._hasher.ip_hash(request.address, now),
            user_agent=request.headers.get("user-agent", "")[:_LONGEST_USER_AGENT],
            sent_at=sent_at,
        )

    def _sort(self, work: _Work, address: str) -> Admission | None:
        """Repeats first, then the limits, then the checks; what passes is `accepted`."""
        fresh = [index for index in range(len(work.raw_events)) if not self._is_known(index, work)]
        granted, admission = self._admit(len(fresh), work.visit, address)
        for index in fresh[:granted]:
            outcome = self._intake.accept(work.raw_events[index], work.visit, lambda: _fresh_id(work.visit))
            if isinstance(outcome, Accepted):
                work.accepted[index] = outcome
            else:
                work.results[index] = Result("rejected", _own_id(work.raw_events[index]), tuple(outcome))
        for index in fresh[granted:]:
            event_id = _own_id(work.raw_events[index]) or _fresh_id(work.visit)
            work.results[index] = answers.limited(event_id, admission.retry_after, admission.limit)
        return admission if work.visit.key else None

    def _is_known(self, index: int, work: _Work) -> bool:
        """Whether an event repeats one of this request or one that Kafka has; neither costs the limit."""
        event_id = _own_id(work.raw_events[index])
        if event_id is None:
            return False
        content = digest(work.raw_events[index])
        first, its_content = work.own.setdefault(event_id, (index, content))
        met = self._recent.meet(work.visit.key, event_id, content)
        if content != its_content or met == "conflict":
            work.results[index] = Result("rejected", event_id, (_CONFLICT,))
        elif met == "repeat":
            work.results[index] = Result("duplicate", event_id)
        elif first != index:
            work.repeats[index] = first
        else:
            return False
        return True

    def _admit(self, asked: int, visit: Visit, address: str) -> tuple[int, Admission]:
        """How many events both the user's and the address's limit let pass."""
        now = time.monotonic()
        by_address = self._addresses.admit(address.encode(), asked, now)
        if visit.key is None:
            return by_address.granted, by_address
        by_user = self._users.admit(visit.key, by_address.granted, now)
        return by_user.granted, by_user if by_address.granted == asked else by_address

    async def _publish(self, work: _Work, traceparent: str | None) -> None:
        outgoing = {
            index: Outgoing(
                work.visit.key,
                accepted.value,
                _headers(accepted, traceparent),
                late=lambda index=index: self._remember(index, work),  # type: ignore[misc] # a default binds
            )
            for index, accepted in work.accepted.items()
        }
        if outgoing:
            await self._publisher.publish(list(outgoing.values()))
        for index, record in outgoing.items():
            event_id = work.accepted[index].event_id
            future = record.acknowledged
            if future.done() and future.exception() is None:
                self._remember(index, work)
                work.results[index] = Result("accepted", event_id)
            else:
                work.results[index] = answers.in_doubt(event_id)
        for index, first in work.repeats.items():
            work.results[index] = _as_repeat(work.results[first])

    def _remember(self, index: int, work: _Work) -> None:
        """Kafka has the event: a repeat with the client's own id is known from now on."""
        event_id = work.accepted[index].event_id
        if event_id in work.own:
            self._recent.remember(work.visit.key, event_id, work.own[event_id][1])


_CONFLICT = Fault("event_id_conflict", "/event_id", "another id for another event")


def _count(results: Sequence[Result]) -> None:
    """Looking a label up costs as much as a check: once for each outcome of a request."""
    outcomes = Counter((result.status, result.faults[0].code if result.faults else "") for result in results)
    for (status, code), count in outcomes.items():
        metrics.EVENTS.labels(status, code).inc(count)


def _as_repeat(first: Result) -> Result:
    return Result("duplicate", first.event_id) if first.status == "accepted" else first


def _headers(accepted: Accepted, traceparent: str | None) -> list[Header]:
    """CloudEvents, Kafka binding."""
    headers: list[Header] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", accepted.event_id.encode()),
        ("ce_type", accepted.event_type.encode()),
        ("ce_source", SOURCE),
        ("content-type", CONTENT_TYPE),
    ]
    if traceparent:
        headers.append(("traceparent", traceparent[:100].encode("ascii", "ignore")))
    return headers


def _bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _own_id(raw: Any) -> str | None:
    event_id = raw.get("event_id") if type(raw) is dict else None
    return event_id if isinstance(event_id, str) and event_ids.is_valid(event_id) else None


def _fresh_id(visit: Visit) -> str:
    return event_ids.fresh(visit.received_at, os.urandom(event_ids.RANDOM_BYTES))
