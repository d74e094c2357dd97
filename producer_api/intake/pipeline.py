"""What happens to a request, step by step: `Pipeline.collect` reads from top to bottom."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
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
from producer_api.intake.recent_ids import RecentIds, content_hash
from producer_api.intake.rejected import RejectedEvents
from producer_api.limits.admission import Admission, RateLimiter
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
        self._random = RandomPool()
        self._recent = RecentIds()

    def require_available(self) -> None:
        """Raise RequestRejected while neither Kafka nor the spool takes events, before any work is done."""
        if not self._publisher.is_available:
            raise RequestRejected("unavailable", "", retry_after=RETRY_SECONDS)

    async def collect(self, request: Request, sender: Sender, raw_body: bytes) -> tuple[Answer, Admission]:
        """The answer, and the state of the rate limit. Raise RequestRejected if the body holds no events."""
        try:
            envelope = self._parse(request, raw_body)
        except RequestRejected as error:
            context = self._context(request, sender)
            self._rejected_events.publish_body(raw_body, error.faults, context)
            raise
        events, context = envelope.events, self._context(request, sender, envelope)
        ids = self._check_ids(events, context)
        admission = self._admit(len(ids.new), request, sender, context)
        encoded, rejected = self._process(events, ids, admission, context)
        published = await self._publish(encoded, ids, request, context)
        limited = _limit(ids, admission, context)
        # Repetitions within the request are not in `events-rejected`: their first event is.
        known = {**ids.results, **rejected, **published, **limited}
        self._publish_rejected(events, known, context)
        results = _in_order(known, ids)
        _count(results, envelope, request, context, accepted=len(encoded))
        return _answer(results, envelope), admission

    def validate(self, request: Request, sender: Sender, raw_body: bytes) -> tuple[Answer, Admission]:
        """What `collect` would answer. Nothing is published, but the events count for the rate limit."""
        envelope = self._parse(request, raw_body)
        events, context = envelope.events, self._context(request, sender, envelope)
        ids = self._check_ids(events, context)
        admission = self._admit(len(ids.new), request, sender, context)
        encoded, rejected = self._process(events, ids, admission, context)
        valid = {
            index: Result("accepted", ids.sent[index], hint=hint(event.event_type))
            for index, event in encoded.items()
        }
        limited = _limit(ids, admission, context)
        results = _in_order({**ids.results, **rejected, **valid, **limited}, ids)
        return _answer(results, envelope, recorded=False), admission

    def _parse(self, request: Request, raw_body: bytes) -> Envelope:
        encoding = (request.header(b"content-encoding") or "").strip().lower()
        content = body.decompress(raw_body, encoding, self._settings.max_body_bytes)
        return body.parse(content, self._settings.max_events, self._settings.sites)

    def _context(self, request: Request, sender: Sender, envelope: Envelope | None = None) -> RequestContext:
        hasher, stored = self._hasher, self._stored_fields
        user_key = hasher.user_key(sender.user_id) if sender.user_id else None
        session_key = hasher.session_key(sender.session_id) if sender.session_id else None
        visitor_key = hasher.visitor_key(sender.visitor_id) if sender.visitor_id else None
        limit_key = user_key or session_key or visitor_key
        if request.opts_out:
            user_key = session_key = visitor_key = None
        origin = request.header(b"origin")
        return RequestContext(
            received_at=self._wall_clock() // 1_000_000,
            sent_at=envelope.sent_at if envelope else None,
            user_key=user_key,
            session_key=session_key,
            visitor_key=visitor_key if "visitor_key" in stored else None,
            device=self._device(request, sender),
            limit_key=limit_key,
            random=self._random,
            sender=f"backend {sender.backend}" if sender.backend else request.ip,
            client=_client(request, sender, envelope.context if envelope else NO_CONTEXT),
            origin_host=origin_host(origin) if origin else None,
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

    def _admit(self, requested: int, request: Request, sender: Sender, context: RequestContext) -> Admission:
        return self._rate_limiter.admit(
            requested,
            user=context.limit_key,
            ip=request.ip,
            backend=sender.backend,
            now=self._monotonic(),
            now_ms=context.received_at,
        )

    def _process(
        self, events: list[Any], ids: _Ids, admission: Admission, context: RequestContext
    ) -> tuple[dict[int, EncodedEvent], dict[int, Result]]:
        """The records of the granted events that are valid, and the results of those that are not."""
        encoded: dict[int, EncodedEvent] = {}
        rejected: dict[int, Result] = {}
        for index in ids.new[: admission.granted]:
            event_id = ids.sent[index]
            outcome: EncodedEvent | list[Fault]
            try:
                outcome = self._processor.process(events[index], context, event_id)
            except Exception:
                # A bug that one event triggers must not fail the others. Its content is not logged, but its id
                # leads to it in `events-rejected`.
                log.exception("processing an event failed", extra={"event_id": event_id})
                outcome = [_BUG]
            if type(outcome) is EncodedEvent:
                encoded[index] = outcome
            else:
                rejected[index] = Result("rejected", event_id, tuple(outcome))  # type: ignore[arg-type] # faults
        return encoded, rejected

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

        def remember(acked: Iterable[Record]) -> None:
            for record in acked:
                if record.event_id in ids.first:
                    self._recent.add(context.limit_key, record.event_id, ids.first[record.event_id][1])

        durable = await self._publisher.publish(PublishRequest(context.record_key, records, on_late_ack=remember))
        if ids.first:
            remember(record for record, acked in zip(records, durable, strict=True) if acked)
        return {
            index: Result("accepted", event.event_id, hint=hint(event.event_type))
            if acked
            else answers.unacknowledged(event.event_id)
            for (index, event), acked in zip(encoded.items(), durable, strict=True)
        }

    def _publish_rejected(self, events: list[Any], results: Mapping[int, Result], context: RequestContext) -> None:
        for index, result in results.items():
            if result.status == "rejected":
                self._rejected_events.publish_event(events[index], result.faults, result.event_id, context)


def _limit(ids: _Ids, admission: Admission, context: RequestContext) -> dict[int, Result]:
    """The results of the events that were not granted."""
    return {
        index: answers.limited(ids.sent[index] or context.new_id(), admission)
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
