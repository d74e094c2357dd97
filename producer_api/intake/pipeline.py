"""The way of a request: who sends, how much, what; then it is kept; then the answer."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from avro_schemas.validation.faults import Fault
from avro_schemas.wire.event_writer import write_device
from producer_api import metrics
from producer_api.errors import Refused
from producer_api.intake import answers, body
from producer_api.intake.answers import Answer, Result
from producer_api.intake.context import Visit
from producer_api.intake.event import Accepted, Intake, own_id_of
from producer_api.intake.recent_ids import RecentIds, digest
from producer_api.intake.rejected import Rejects
from producer_api.limits.admission import Admission, Limits
from producer_api.privacy.devices import UNSAID, device, written_device
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request
from producer_api.senders.authenticate import Sender
from producer_api.settings import Settings
from producer_api.storage.records import Header, Outgoing, Record, Storing

log = logging.getLogger(__name__)

_MAX_USER_AGENT_LENGTH = 500
# CloudEvents, Kafka binding: what the headers of all records have in common.
_HEADERS: list[Header] = [
    ("ce_specversion", b"1.0"),
    ("ce_source", b"/api/analytics/collect"),
    ("content-type", b"application/vnd.confluent.avro"),
]
_CONFLICT = Fault("event_id_conflict", "/event_id", "another id for another event")
_UNSAID = write_device(*UNSAID)
_UNEXPECTED = Fault("unexpected", "", "nothing of you; the fault is the collector's")


class _Work:
    """A request's events, and their results as they become known."""

    __slots__ = ("accepted", "address", "dropped", "own", "own_ids", "raw_events", "repeats", "results", "visit")

    def __init__(self, visit: Visit, address: str, raw_events: list[Any], dropped: int) -> None:
        self.visit, self.address, self.raw_events, self.dropped = visit, address, raw_events, dropped
        self.own_ids = [own_id_of(raw) for raw in raw_events]
        self.results: list[Result | None] = [None] * len(raw_events)
        # Ids of the client's own: where each came first, and its content.
        self.own: dict[str, tuple[int, int]] = {}
        # Repeats within the request share the result of the first.
        self.repeats: dict[int, int] = {}
        self.accepted: dict[int, Accepted] = {}


class Collector:
    """Takes requests; remembers what was acknowledged lately."""

    def __init__(
        self, settings: Settings, hasher: Hasher, limits: Limits, storing: Storing, rejects: Rejects
    ) -> None:
        self._settings, self._hasher, self._limits = settings, hasher, limits
        self._storing, self._rejects = storing, rejects
        self._intake = Intake(
            any_custom=settings.custom_events == "any",
            max_event_bytes=settings.max_event_bytes,
            max_depth=settings.max_depth,
            allowed_parameters=settings.allowed_query_parameters,
        )
        self._recent = RecentIds()

    def require_open(self) -> None:
        """Raise Refused while nothing can be kept: before any work is done."""
        if not self._storing.is_open:
            raise Refused("unavailable", "Kafka to be back", retry_after=answers.RETRY_SECONDS)

    async def collect(self, request: Request, sender: Sender, raw_body: bytes) -> tuple[Answer, Admission]:
        """The answer to a request, and what is left of the limit."""
        try:
            work, single = self._read(request, sender, raw_body)
        except Refused as refused:
            self._rejects.keep_body(raw_body, refused.fault, self._visit(request, sender, None))
            raise
        admission = self._sort(work, sender)
        await self._keep(work, request)
        self._keep_rejected(work)
        _count(work, request)
        return _answer(work, single), admission

    def validate(self, request: Request, sender: Sender, raw_body: bytes) -> tuple[Answer, Admission]:
        """What `collect` would answer; nothing is kept, but it counts for the limit."""
        work, single = self._read(request, sender, raw_body)
        admission = self._sort(work, sender)
        for index in work.accepted:
            work.results[index] = Result("accepted", own_id_of(work.raw_events[index]))
        return _answer(work, single, recorded=False), admission

    def _read(self, request: Request, sender: Sender, raw_body: bytes) -> tuple[_Work, bool]:
        """The events of a body, and whether it was a single one."""
        encoding = (request.header(b"content-encoding") or "").strip().lower()
        parsed = body.parse(body.unpack(raw_body, encoding, self._settings.max_body_bytes))
        raw_events, single = body.events_of(parsed, self._settings.max_events)
        visit = self._visit(request, sender, body.sent_at_of(parsed))
        return _Work(visit, request.address, raw_events, body.dropped_of(parsed)), single

    def _visit(self, request: Request, sender: Sender, sent_at: int | None) -> Visit:
        now = time.time_ns() // 1_000_000
        user_key = self._hasher.user_key(sender.user_id) if sender.user_id else None
        session_key = self._hasher.session_key(sender.session_id) if sender.session_id else None
        limit_key = user_key or session_key
        ip_hash: bytes | None = self._hasher.ip_hash(request.address, now)
        device = written_device((request.header(b"user-agent") or "")[:_MAX_USER_AGENT_LENGTH])
        if sender.source:  # a backend's own address and user agent say nothing about its users
            ip_hash, device = None, _UNSAID
        if request.opts_out:
            user_key = session_key = ip_hash = None
        return Visit(now, sent_at, user_key, session_key, ip_hash, device, limit_key)

    def _sort(self, work: _Work, sender: Sender) -> Admission:
        """Repeats first, then the limits, then the checks; what passes is `accepted`."""
        fresh = [index for index in range(len(work.raw_events)) if not self._is_known(index, work)]
        admission = self._limits.admit(
            len(fresh),
            user=work.visit.limit_key,
            address=work.address,
            source=sender.source,
            now=time.monotonic(),
            now_ms=work.visit.received_at,
        )
        for index in fresh[: admission.granted]:
            outcome = self._accept(work, index)
            if type(outcome) is Accepted:
                work.accepted[index] = outcome
            else:
                work.results[index] = Result("rejected", work.own_ids[index], tuple(outcome))  # type: ignore[arg-type] # faults
        for index in fresh[admission.granted :]:
            event_id = work.own_ids[index] or work.visit.fresh_id()
            work.results[index] = answers.limited(event_id, admission)
        return admission

    def _accept(self, work: _Work, index: int) -> Accepted | list[Fault]:
        """One event's own boundary: what breaks on it does not break its neighbours."""
        try:
            return self._intake.accept(work.raw_events[index], work.visit, work.own_ids[index])
        except Exception:
            # The id, not the event: it leads to what is kept of it in events-rejected.
            log.exception("an event broke the intake", extra={"event_id": work.own_ids[index]})
            return [_UNEXPECTED]

    def _is_known(self, index: int, work: _Work) -> bool:
        """Whether an event repeats one of this request or one that was acknowledged; neither costs the limit."""
        event_id = work.own_ids[index]
        if event_id is None:
            return False
        content = digest(work.raw_events[index])
        first, its_content = work.own.setdefault(event_id, (index, content))
        met = self._recent.meet(work.visit.limit_key, event_id, content)
        if content != its_content or met == "conflict":
            work.results[index] = Result("rejected", event_id, (_CONFLICT,))
        elif met == "repeat":
            work.results[index] = Result("duplicate", event_id)
        elif first != index:
            work.repeats[index] = first
        else:
            return False
        return True

    async def _keep(self, work: _Work, request: Request) -> None:
        """Wait until what was accepted is durable; what is not in time is to be sent again."""
        if not work.accepted:
            return
        headers = _headers_of(request)
        records = [
            Record(event.event_id, event.value, [*headers, *_own_headers(event)])
            for event in work.accepted.values()
        ]

        def remember(kept: Sequence[Record]) -> None:
            for record in kept:
                if record.event_id in work.own:
                    self._recent.remember(work.visit.limit_key, record.event_id, work.own[record.event_id][1])

        durable = await self._storing.keep(Outgoing(work.visit.key, records, late=remember))
        if all(durable):
            remember(records)
        else:
            remember([record for record, kept in zip(records, durable, strict=True) if kept])
        for (index, event), kept in zip(work.accepted.items(), durable, strict=True):
            work.results[index] = Result("accepted", event.event_id) if kept else answers.in_doubt(event.event_id)

    def _keep_rejected(self, work: _Work) -> None:
        for index, result in enumerate(work.results):
            if result is not None and result.status == "rejected":
                self._rejects.keep_event(work.raw_events[index], result.faults, result.event_id, work.visit)


def _answer(work: _Work, single: bool, *, recorded: bool = True) -> Answer:
    for index, first in work.repeats.items():
        result = work.results[first]
        assert result is not None  # the first of its id was not a repeat
        work.results[index] = Result("duplicate", result.event_id) if result.status == "accepted" else result
    results = [result for result in work.results if result is not None]
    if single:
        return answers.for_single(results[0], recorded=recorded)
    return answers.for_list(results, recorded=recorded)


def _first_code(result: Result) -> str:
    return result.faults[0].code if result.faults else ""


def _headers_of(request: Request) -> list[Header]:
    traceparent = request.headers.get(b"traceparent")
    return [*_HEADERS, ("traceparent", traceparent[:100])] if traceparent else _HEADERS


def _own_headers(event: Accepted) -> tuple[Header, Header]:
    return ("ce_id", event.event_id.encode()), _type_header(event.event_type)


@lru_cache(maxsize=1_000)
def _type_header(event_type: str) -> Header:
    return "ce_type", event_type.encode()


def _count(work: _Work, request: Request) -> None:
    """Looking a label up costs as much as a check: once for each outcome of a request."""
    results = [result for result in work.results if result is not None]
    others = [(each.status, _first_code(each)) for each in results if each.status != "accepted"]
    if accepted := len(results) - len(others):
        _ACCEPTED_COUNTER.inc(accepted)
    if work.dropped and any(result.status in ("accepted", "duplicate") for result in results):
        metrics.CLIENT_DROPPED_EVENTS.inc(work.dropped)  # else the answer is no 200, and the client says it again
    if others := others + [("duplicate", "")] * len(work.repeats):
        for (status, code), count in Counter(others).items():
            metrics.EVENTS.labels(status, code).inc(count)
    for (pattern, field_name), count in work.visit.removed.items():
        metrics.REDACTIONS.labels(pattern, field_name).inc(count)
    if request.opts_out:
        metrics.OPT_OUTS.inc(len(work.accepted))
    if work.visit.sent_at is not None:
        metrics.CLOCK_SKEW_SECONDS.observe(abs(work.visit.received_at - work.visit.sent_at) / 1000)
    if bot := device((request.header(b"user-agent") or "")[:_MAX_USER_AGENT_LENGTH]).bot:
        metrics.BOT_REQUESTS.labels(bot).inc()


_ACCEPTED_COUNTER = metrics.EVENTS.labels("accepted", "")
