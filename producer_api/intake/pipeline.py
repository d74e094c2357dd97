"""What happens to a request, step by step: `Pipeline.collect` reads from top to bottom."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from avro_schemas.validation.fault import Fault
from avro_schemas.wire.event_writer import write_device
from producer_api import metrics
from producer_api.errors import RETRY_SECONDS, RequestRejected
from producer_api.intake import answers, body
from producer_api.intake.answers import Answer, Result
from producer_api.intake.body import Envelope
from producer_api.intake.client_context import NO_CONTEXT, ClientContext, preferred_language
from producer_api.intake.context import RandomPool, RequestContext
from producer_api.intake.event import EncodedEvent, EventProcessor, client_event_id
from producer_api.intake.event_names import EventNames, hint
from producer_api.intake.headers import event_headers, request_headers
from producer_api.intake.lone_events import refuse_oversized
from producer_api.intake.recent_ids import RecentIds, content_hash
from producer_api.intake.rejected import RejectedEvents
from producer_api.intake.turns import Turn
from producer_api.limits.admission import Admission, RateLimiter, SenderLimits
from producer_api.privacy.devices import MAX_USER_AGENT_LENGTH, UNKNOWN, classify, encoded_device
from producer_api.privacy.hashes import Hasher
from producer_api.privacy.ip_locations import UNKNOWN as UNKNOWN_LOCATION
from producer_api.privacy.ip_locations import Location, nowhere
from producer_api.privacy.stored_fields import parse_stored_fields
from producer_api.request import Request, Sender
from producer_api.senders.origin import origin_host, origin_hosts
from producer_api.settings import Settings
from producer_api.storage.records import EventPublisher, PublishRequest, Record

log = logging.getLogger(__name__)

_CONFLICT = Fault("event_id_conflict", "/event_id", "a new id for another event")
_BUG = Fault("unexpected", "", "")
_UNKNOWN_DEVICE = write_device(*UNKNOWN)


# What a request costs besides its body, in bytes of the sender's limit: its headers.
_REQUEST_BYTES = 1_024
# Longer than any host with its scheme and port. What is cached by an origin is not to take more memory.
_MAX_ORIGIN_LENGTH = 300
# An event as JSON may be so many times as large as its record may be.
JSON_PER_RECORD = 2


class _Keys(NamedTuple):
    """The keyed hashes of a sender. `limit` is held in memory only, so it is there even after an opt-out."""

    user: bytes | None
    session: bytes | None
    visitor: bytes | None
    limit: bytes | None


class _Ids(NamedTuple):
    """What the client's own ids say about the events of a request, each named by its index."""

    # The valid id that the client sent with each event, if any.
    sent: list[str | None]
    # Events that are neither duplicates nor conflicts. Only they count for the rate limits.
    new: list[int]
    # The results of acknowledged duplicates and of conflicts.
    results: dict[int, Result]
    # Repetitions within the request, and the first event of the same id and content, whose result they share.
    repeated: dict[int, int]
    # Where each id came first, and the hash of its content.
    first: dict[str, tuple[int, int]]


@dataclass(slots=True)
class _Judged:
    """A request up to its records, and the results of the events that are rejected."""

    envelope: Envelope
    context: RequestContext
    ids: _Ids
    admission: Admission
    encoded: dict[int, EncodedEvent] = field(default_factory=dict)
    rejected: dict[int, Result] = field(default_factory=dict)

    @property
    def granted(self) -> list[int]:
        """The events that the rate limits let pass."""
        return self.ids.new[: self.admission.granted]


class Pipeline:
    """Checks, limits, publishes and answers requests.

    It holds the ids of recently acknowledged events and a pool of randomness, in memory. `locate` says where an IP
    is. `wall_clock` is in nanoseconds since 1970, `monotonic` in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        hasher: Hasher,
        rate_limiter: RateLimiter,
        publisher: EventPublisher,
        rejected_events: RejectedEvents,
        *,
        locate: Callable[[str], Location] = nowhere,
        wall_clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._hasher, self._rate_limiter = settings, hasher, rate_limiter
        self._publisher, self._rejected_events = publisher, rejected_events
        self._locate, self._wall_clock, self._monotonic = locate, wall_clock, monotonic
        self._stored_fields = parse_stored_fields(settings.stored_fields)
        self._processor = EventProcessor(
            names=EventNames(
                accepts_unknown=settings.unknown_events == "accept",
                max_unknown=settings.max_unknown_event_types,
            ),
            max_event_bytes=settings.max_event_bytes,
            max_depth=settings.max_depth,
            allowed_parameters=settings.allowed_query_parameters,
            own_hosts=origin_hosts(settings.allowed_origins),
            sites=settings.sites,
        )
        self._max_json_bytes = JSON_PER_RECORD * settings.max_event_bytes
        self._random = RandomPool()
        self._recent = RecentIds()
        # Their events take many times as much memory as their bodies.
        self._large_requests = asyncio.Semaphore(1)

    def require_available(self) -> None:
        """Raise RequestRejected while neither Kafka nor the spool takes events, before any work is done."""
        if not self._publisher.is_available:
            raise RequestRejected("unavailable", "", retry_after=RETRY_SECONDS)

    async def collect(self, request: Request, sender: Sender, raw_body: bytes) -> tuple[Answer, Admission]:
        """The answer, and the state of the rate limit. Raise RequestRejected if the body holds no events."""
        try:
            judged = await self._judge(request, sender, raw_body)
        except RequestRejected as error:
            if error.fault.code != "rate_limited":
                context = self._context(request, sender, self._keys(sender))
                self._rejected_events.publish_body(raw_body, error.faults, context)
            raise
        envelope, context, ids = judged.envelope, judged.context, judged.ids
        published = await self._publish(judged.encoded, ids, request, context)
        # Repetitions within the request are not in `events-rejected`: their first event is.
        known = {**ids.results, **judged.rejected, **published, **_limit(judged)}
        await self._publish_rejected(envelope.events, known, context)
        results = _in_order(known, ids)
        _count(results, envelope, request, context, accepted=len(judged.encoded))
        return _answer(results, envelope), judged.admission

    async def validate(self, request: Request, sender: Sender, raw_body: bytes) -> tuple[Answer, Admission]:
        """What `collect` would answer. Nothing is published, but the request counts for the rate limit."""
        judged = await self._judge(request, sender, raw_body)
        ids = judged.ids
        valid = {
            index: Result("accepted", ids.sent[index], hint=hint(event.event_type))
            for index, event in judged.encoded.items()
        }
        results = _in_order({**ids.results, **judged.rejected, **valid, **_limit(judged)}, ids)
        return _answer(results, judged.envelope, recorded=False), judged.admission

    async def _judge(self, request: Request, sender: Sender, raw_body: bytes) -> _Judged:
        """Everything up to the records. A request that is larger than an event may be waits for others like it."""
        keys = self._keys(sender)
        limits = self._limits(request, sender, keys)
        content = self._decompress(request, raw_body, limits)
        if len(content) <= self._max_json_bytes:
            judged = self._judge_request(request, sender, keys, content, limits)
            for index in judged.granted:
                self._process(index, judged)
            return judged
        async with self._large_requests:
            judged, turn = self._judge_request(request, sender, keys, content, limits), Turn()
            for index in judged.granted:
                if turn.is_over:
                    await turn.next()
                self._process(index, judged)
        return judged

    def _judge_request(
        self, request: Request, sender: Sender, keys: _Keys, content: bytes, limits: SenderLimits
    ) -> _Judged:
        """Everything up to the events."""
        settings = self._settings
        envelope = body.parse(content, settings.max_events, settings.sites)
        if len(content) > self._max_json_bytes:
            envelope.events = refuse_oversized(envelope.events, self._max_json_bytes, settings.max_depth)
        context = self._context(request, sender, keys, envelope)
        ids = self._check_ids(envelope.events, context)
        return _Judged(envelope, context, ids, limits.admit(len(ids.new)))

    def _limits(self, request: Request, sender: Sender, keys: _Keys) -> SenderLimits:
        return self._rate_limiter.of(
            user=keys.limit,
            ip=request.ip,
            backend=sender.backend,
            now=self._monotonic(),
            now_ms=self._wall_clock() // 1_000_000,
        )

    def _decompress(self, request: Request, raw_body: bytes, limits: SenderLimits) -> bytes:
        """The bytes of a body. They count for the sender's limit, whatever they hold."""
        if over := limits.over_bytes():
            raise answers.over_bytes(*over)
        encoding, size = (request.header(b"content-encoding") or "").strip().lower(), len(raw_body)
        try:
            content = body.decompress(raw_body, encoding, self._settings.max_body_bytes)
            size = len(content)
        finally:
            limits.add_bytes(size + _REQUEST_BYTES)
        return content

    def _keys(self, sender: Sender) -> _Keys:
        hasher = self._hasher
        user_key = hasher.user_key(sender.user_id) if sender.user_id else None
        session_key = hasher.session_key(sender.session_id) if sender.session_id else None
        visitor_key = hasher.visitor_key(sender.visitor_id) if sender.visitor_id else None
        return _Keys(user_key, session_key, visitor_key, user_key or session_key or visitor_key)

    def _context(
        self, request: Request, sender: Sender, keys: _Keys, envelope: Envelope | None = None
    ) -> RequestContext:
        stored = self._stored_fields
        user_key, session_key, visitor_key, limit_key = keys
        if request.opts_out:
            user_key = session_key = visitor_key = None
        origin = request.header(b"origin")
        return RequestContext(
            received_at=self._wall_clock() // 1_000_000,
            sent_at=envelope.sent_at if envelope else None,
            user_key=user_key,
            session_key=session_key,
            visitor_key=visitor_key if "visitor_key" in stored else None,
            opted_out=request.opts_out,
            device=self._device(request, sender),
            limit_key=limit_key,
            random=self._random,
            sender=f"backend {sender.backend}" if sender.backend else request.ip,
            client=_client(request, sender, envelope.context if envelope else NO_CONTEXT),
            origin_host=origin_host(origin[:_MAX_ORIGIN_LENGTH]) if origin else None,
            # Backends send from their own IP.
            location=UNKNOWN_LOCATION if sender.backend else self._locate(request.ip),
            stored_fields=stored,
        )

    def _device(self, request: Request, sender: Sender) -> bytes:
        if sender.backend:  # its own user agent says nothing about its users
            return _UNKNOWN_DEVICE
        return encoded_device(_user_agent(request), only_bot="device" not in self._stored_fields)

    def _check_ids(self, events: list[Any], context: RequestContext) -> _Ids:
        """Find the events that repeat one of this request, or one that was acknowledged before."""
        sent = [client_event_id(raw) for raw in events]
        new: list[int] = []
        results: dict[int, Result] = {}
        repeated: dict[int, int] = {}
        first: dict[str, tuple[int, int]] = {}
        for index, event_id in enumerate(sent):
            if event_id is None:
                new.append(index)
                continue
            content = content_hash(events[index])
            first_index, first_content = first.setdefault(event_id, (index, content))
            check = self._recent.check(context.limit_key, event_id, content)
            if content != first_content or check == "conflict":
                results[index] = Result("rejected", event_id, (_CONFLICT,))
            elif check == "duplicate":
                results[index] = Result("duplicate", event_id)
            elif first_index != index:
                repeated[index] = first_index
            else:
                new.append(index)
        return _Ids(sent, new, results, repeated, first)

    def _process(self, index: int, judged: _Judged) -> None:
        """Add the record of a granted event, or its faults."""
        event_id = judged.ids.sent[index]
        outcome: EncodedEvent | list[Fault]
        try:
            outcome = self._processor.process(judged.envelope.events[index], judged.context, event_id)
        except Exception:
            # A bug that one event triggers must not fail the others. Its content is not logged, but its id
            # leads to it in `events-rejected`.
            log.exception("processing an event failed", extra={"event_id": event_id})
            outcome = [_BUG]
        if type(outcome) is EncodedEvent:
            judged.encoded[index] = outcome
        else:
            judged.rejected[index] = Result("rejected", event_id, tuple(outcome))  # type: ignore[arg-type] # faults

    async def _publish(
        self, encoded: Mapping[int, EncodedEvent], ids: _Ids, request: Request, context: RequestContext
    ) -> dict[int, Result]:
        """Wait until the events are durable. Those that are not in time are to be sent again."""
        if not encoded:
            return {}
        headers = request_headers(request)
        records = [
            Record(event.event_id, event.value, event_headers(headers, event)) for event in encoded.values()
        ]
        # By the id that is stored, which differs from the one that was sent if the client's clock is wrong.
        sent = {event.event_id: sent_id for index, event in encoded.items() if (sent_id := ids.sent[index])}

        def remember(acked: Iterable[Record]) -> None:
            for record in acked:
                if sent_id := sent.get(record.event_id):
                    self._recent.add(context.limit_key, sent_id, ids.first[sent_id][1])

        durable = await self._publisher.publish(PublishRequest(context.record_key, records, on_late_ack=remember))
        if sent:
            remember(record for record, acked in zip(records, durable, strict=True) if acked)
        return {
            index: Result("accepted", event.event_id, hint=hint(event.event_type))
            if acked
            else answers.unacknowledged(event.event_id)
            for (index, event), acked in zip(encoded.items(), durable, strict=True)
        }

    async def _publish_rejected(
        self, events: list[Any], results: Mapping[int, Result], context: RequestContext
    ) -> None:
        turn = Turn()
        for index, result in results.items():
            if result.status == "rejected":
                if turn.is_over:
                    await turn.next()
                self._rejected_events.publish_event(events[index], result.faults, result.event_id, context)


def _limit(judged: _Judged) -> dict[int, Result]:
    """The results of the events that were not granted."""
    ids, admission = judged.ids, judged.admission
    return {
        index: answers.limited(ids.sent[index] or judged.context.new_id(), admission)
        for index in ids.new[admission.granted :]
    }


def _in_order(known: dict[int, Result], ids: _Ids) -> list[Result]:
    """All results in the order of the events. Repetitions get the result of their first event."""
    for index, first in ids.repeated.items():
        result = known[first]
        known[index] = replace(result, status="duplicate") if result.status == "accepted" else result
    return [known[index] for index in range(len(ids.sent))]


def _answer(results: list[Result], envelope: Envelope, *, recorded: bool = True) -> Answer:
    if envelope.single:
        return answers.for_single(results[0], recorded=recorded)
    return answers.for_list(results, recorded=recorded)


def _client(request: Request, sender: Sender, sent: ClientContext) -> ClientContext:
    """What the client says about all events of a request, or what its headers say."""
    if sent.language or sender.backend:
        return sent
    header = request.header(b"accept-language")
    language = preferred_language(header) if header else None
    return sent._replace(language=language) if language else sent


def _user_agent(request: Request) -> str:
    return (request.header(b"user-agent") or "")[:MAX_USER_AGENT_LENGTH]


def _count(
    results: list[Result], envelope: Envelope, request: Request, context: RequestContext, *, accepted: int
) -> None:
    """Update the metrics. Looking up a label costs as much as a check, so each is looked up once per request."""
    others = [
        (result.status, result.faults[0].code if result.faults else "")
        for result in results
        if result.status != "accepted"
    ]
    if count := len(results) - len(others):
        _ACCEPTED.inc(count)
    if others:
        for (status, code), count in Counter(others).items():
            metrics.EVENTS.labels(status, code).inc(count)
    # If nothing succeeded the answer is not 200, and the client reports the same events as dropped again.
    if envelope.dropped and any(result.status in ("accepted", "duplicate") for result in results):
        metrics.CLIENT_DROPPED_EVENTS.inc(envelope.dropped)
    for field_name, patterns in context.redactions.items():
        for pattern, count in patterns.items():
            metrics.REDACTIONS.labels(pattern, field_name).inc(count)
    if request.opts_out:
        metrics.OPT_OUTS.inc(accepted)
    if context.sent_at is not None:
        metrics.CLOCK_SKEW_SECONDS.observe(abs(context.received_at - context.sent_at) / 1000)
    if bot := classify(_user_agent(request)).bot:
        metrics.BOT_REQUESTS.labels(bot).inc()


_ACCEPTED = metrics.EVENTS.labels("accepted", "")
