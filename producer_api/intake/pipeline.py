"""What happens to a request, step by step: `Pipeline.collect` reads from top to bottom."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from avro_schemas.validation.fault import Fault
from avro_schemas.wire.event_writer import write_device
from producer_api import metrics
from producer_api.errors import RETRY_SECONDS, RequestRejected
from producer_api.intake import answers, body
from producer_api.intake.answers import Answer, Result
from producer_api.intake.body import Envelope
from producer_api.intake.client_context import NO_CONTEXT, ClientContext, preferred_language
from producer_api.intake.client_ids import ClientIds, check_ids, in_order
from producer_api.intake.context import RandomPool, RequestContext
from producer_api.intake.event import EncodedEvent, EventProcessor
from producer_api.intake.event_names import EventNames, hint
from producer_api.intake.event_senders import Keys, by_sender, keys_of
from producer_api.intake.headers import event_headers, request_headers
from producer_api.intake.lone_events import refuse_oversized
from producer_api.intake.recent_ids import RecentIds
from producer_api.intake.rejected import RejectedEvents
from producer_api.intake.turns import Turn
from producer_api.limits.admission import Admission, RateLimiter, SenderLimits
from producer_api.privacy.devices import MAX_USER_AGENT_LENGTH, UNKNOWN, classify, encoded_device
from producer_api.privacy.hashes import Hasher
from producer_api.privacy.ip_locations import UNKNOWN as UNKNOWN_LOCATION
from producer_api.privacy.ip_locations import Location, nowhere
from producer_api.privacy.programs import with_client_hints
from producer_api.privacy.stored_fields import parse_stored_fields
from producer_api.request import Request, Sender
from producer_api.senders.origin import origin_host, origin_hosts
from producer_api.settings import Settings
from producer_api.storage.records import EventPublisher, PublishRequest, Record

log = logging.getLogger(__name__)

_BUG = Fault("unexpected", "", "")
_UNKNOWN_DEVICE = write_device(*UNKNOWN)

# What a request costs besides its body, in bytes of the sender's limit: its headers.
_REQUEST_BYTES = 1_024
# Longer than any host with its scheme and port. What is cached by an origin is not to take more memory.
_MAX_ORIGIN_LENGTH = 300
_PARTS_PER_TURN = 50
# An event as JSON may be so many times as large as its record may be.
JSON_PER_RECORD = 2


@dataclass(slots=True)
class _Part:
    """The events of one sender up to their records, and the results of those that are rejected."""

    events: list[Any]
    # Where they are in the request.
    indexes: Sequence[int]
    context: RequestContext
    ids: ClientIds
    admission: Admission
    encoded: dict[int, EncodedEvent] = field(default_factory=dict)
    rejected: dict[int, Result] = field(default_factory=dict)

    @property
    def granted(self) -> list[int]:
        """The events that the rate limits let pass."""
        return self.ids.new[: self.admission.granted]


class _Judged(NamedTuple):
    """A request up to its records. Only one of a backend has more than one part."""

    envelope: Envelope
    parts: list[_Part]

    @property
    def admission(self) -> Admission:
        """The state of the limit that is closest to being reached."""
        if len(self.parts) == 1:
            return self.parts[0].admission
        return min((part.admission for part in self.parts), key=lambda admission: admission.remaining)


class Pipeline:
    """Checks, limits, publishes and answers requests.

    It holds the ids of recently acknowledged events and a pool of randomness. `locate` says where an IP is,
    `too_large` what is wrong with a record that Kafka takes in no batch. `wall_clock`: ns since 1970.
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
        too_large: Callable[[bytes | None, Record], Fault | None] = lambda _key, _record: None,
        wall_clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._hasher, self._rate_limiter = settings, hasher, rate_limiter
        self._publisher, self._rejected_events = publisher, rejected_events
        self._locate, self._too_large = locate, too_large
        self._wall_clock, self._monotonic = wall_clock, monotonic
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

    def publish_rejected_request(self, rejected: RequestRejected) -> None:
        """Publish why a request was rejected before its body was read."""
        received_at = self._wall_clock() // 1_000_000
        self._rejected_events.publish_request(rejected.faults, received_at, self._random.take())

    async def collect(self, request: Request, sender: Sender, raw_body: bytes) -> tuple[Answer, Admission]:
        """The answer, and the state of the rate limit. Raise RequestRejected if the body holds no events."""
        try:
            judged = await self._judge(request, sender, raw_body)
        except RequestRejected as error:
            if error.fault.code != "rate_limited":
                context = self._context(request, sender, keys_of(sender, self._hasher))
                self._rejected_events.publish_body(raw_body, error.faults, context)
            raise
        if len(judged.parts) == 1:
            results = await self._record(judged.parts[0], request)
        else:
            results = _merged(judged, await self._record_parts(judged.parts, request))
        _count(results, judged, request)
        return _answer(results, judged.envelope), judged.admission

    async def validate(self, request: Request, sender: Sender, raw_body: bytes) -> tuple[Answer, Admission]:
        """What `collect` would answer. Nothing is published, but the request counts for the rate limit."""
        judged = await self._judge(request, sender, raw_body)
        results = _merged(judged, [_results_of_dry_run(part) for part in judged.parts])
        return _answer(results, judged.envelope, recorded=False), judged.admission

    async def _record_parts(self, parts: Sequence[_Part], request: Request) -> list[list[Result]]:
        """The results of all parts, which are published at the same time."""
        recording: list[asyncio.Task[list[Result]]] = []
        for number, part in enumerate(parts, 1):
            recording.append(asyncio.create_task(self._record(part, request)))
            if number % _PARTS_PER_TURN == 0:
                await asyncio.sleep(0)  # to begin with them, and to let others have their turn
        return await asyncio.gather(*recording)

    async def _record(self, part: _Part, request: Request) -> list[Result]:
        """The results of a sender's events, after those that are accepted are durable."""
        published = await self._publish(part.encoded, part.ids, request, part.context)
        # Repetitions within the request are not in `events-rejected`: their first event is.
        known = {**part.ids.results, **part.rejected, **published, **_limit(part)}
        await self._publish_rejected(part.events, known, part.context)
        return in_order(known, part.ids)

    async def _judge(self, request: Request, sender: Sender, raw_body: bytes) -> _Judged:
        """Everything up to the records. A request that is larger than an event may be waits for others like it."""
        keys = keys_of(sender, self._hasher)
        limits = self._limits(request, sender, keys)
        content = self._decompress(request, raw_body, limits)
        if len(content) <= self._max_json_bytes:
            return await self._judge_events(request, sender, keys, content, limits)
        async with self._large_requests:
            return await self._judge_events(request, sender, keys, content, limits)

    async def _judge_events(
        self, request: Request, sender: Sender, keys: Keys, content: bytes, limits: SenderLimits
    ) -> _Judged:
        settings, turn = self._settings, Turn()
        envelope = body.parse(content, settings.max_events, settings.sites)
        if len(content) > self._max_json_bytes:
            envelope.events = refuse_oversized(envelope.events, self._max_json_bytes, settings.max_depth)
        context, parts = self._context(request, sender, keys, envelope), []
        for of, indexes in by_sender(envelope.events, sender):
            events, own_context, own_limits = envelope.events, context, limits
            if of is not sender:
                own_keys = keys_of(of, self._hasher)
                own_context, own_limits = context.of_sender(own_keys), self._limits(request, of, own_keys)
            if len(indexes) < len(events):
                events = [events[index] for index in indexes]
            ids = check_ids(events, own_context.limit_key, self._recent)
            part = _Part(events, indexes, own_context, ids, own_limits.admit(len(ids.new)))
            parts.append(part)
            for index in part.granted:
                if turn.is_over:
                    await turn.next()
                self._process(index, part)
        return _Judged(envelope, parts)

    def _limits(self, request: Request, sender: Sender, keys: Keys) -> SenderLimits:
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

    def _context(
        self, request: Request, sender: Sender, keys: Keys, envelope: Envelope | None = None
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
            from_backend=sender.backend is not None,
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

    def _process(self, index: int, part: _Part) -> None:
        """Add the record of a granted event, or its faults."""
        event_id = part.ids.sent[index]
        outcome: EncodedEvent | list[Fault]
        try:
            outcome = self._processor.process(part.events[index], part.context, event_id)
        except Exception:
            # A bug that one event triggers must not fail the others. Its content is not logged, but its id
            # leads to it in `events-rejected`.
            log.exception("processing an event failed", extra={"event_id": event_id})
            outcome = [_BUG]
        if type(outcome) is EncodedEvent:
            part.encoded[index] = outcome
        else:
            part.rejected[index] = Result("rejected", event_id, tuple(outcome))  # type: ignore[arg-type] # faults

    async def _publish(
        self, encoded: Mapping[int, EncodedEvent], ids: ClientIds, request: Request, context: RequestContext
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
            else answers.not_published(record.event_id, self._too_large(context.record_key, record))
            for (index, event), record, acked in zip(encoded.items(), records, durable, strict=True)
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


def _limit(part: _Part) -> dict[int, Result]:
    """The results of the events that were not granted."""
    ids, admission = part.ids, part.admission
    return {
        index: answers.limited(ids.sent[index] or part.context.new_id(), admission)
        for index in ids.new[admission.granted :]
    }


def _merged(judged: _Judged, of_parts: Iterable[list[Result]]) -> list[Result]:
    """All results in the order of the request."""
    results = {
        index: result
        for part, part_results in zip(judged.parts, of_parts, strict=True)
        for index, result in zip(part.indexes, part_results, strict=True)
    }
    return [results[index] for index in range(len(results))]


def _results_of_dry_run(part: _Part) -> list[Result]:
    valid = {
        index: Result("accepted", part.ids.sent[index], hint=hint(event.event_type))
        for index, event in part.encoded.items()
    }
    return in_order({**part.ids.results, **part.rejected, **valid, **_limit(part)}, part.ids)


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
    user_agent = (request.header(b"user-agent") or "")[:MAX_USER_AGENT_LENGTH]
    return with_client_hints(user_agent, request.header(b"sec-ch-ua"))


def _count(results: list[Result], judged: _Judged, request: Request) -> None:
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
    context, dropped = judged.parts[0].context, judged.envelope.dropped
    if dropped and any(result.status in ("accepted", "duplicate") for result in results):
        metrics.CLIENT_DROPPED_EVENTS.inc(dropped)
    for field_name, patterns in context.redactions.items():
        for pattern, count in patterns.items():
            metrics.REDACTIONS.labels(pattern, field_name).inc(count)
    if request.opts_out:
        metrics.OPT_OUTS.inc(sum(len(part.encoded) for part in judged.parts))
    if context.sent_at is not None:
        metrics.CLOCK_SKEW_SECONDS.observe(abs(context.received_at - context.sent_at) / 1000)
    if bot := classify(_user_agent(request)).bot:
        metrics.BOT_REQUESTS.labels(bot).inc()


_ACCEPTED = metrics.EVENTS.labels("accepted", "")
