"""Rejected events of valid senders, published to `events-rejected`: reduced, and bounded in size and rate."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from avro_schemas import event_ids
from avro_schemas.rejected_event import MAX_BODY_BYTES, encode_rejected_event
from avro_schemas.validation.fault import Fault
from producer_api import metrics
from producer_api.intake.context import RequestContext
from producer_api.intake.lone_events import RefusedEvent
from producer_api.intake.rejected_body import (
    encodable,
    opted_out_faults,
    reduced_body,
    reduced_event,
    reduced_faults,
)
from producer_api.privacy.redaction import redact
from producer_api.storage.records import Queued, Record

_MAX_EVENT_TYPE_LENGTH = 100
_BURST_SECONDS = 10.0
# Of requests that were rejected before their body was read: anybody can send those.
_MAX_REQUESTS_PER_SECOND = 5.0
# What is longer takes more tokens.
_BYTES_PER_TOKEN = 4_096

# Publishes a record with a key, without waiting; what became of it.
Publish = Callable[[bytes | None, Record], Queued]


class RejectedEvents:
    """Queues rejected events for Kafka, at most `per_second`, and fewer large ones. No request waits for them."""

    def __init__(
        self,
        publish: Publish,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        allowed_parameters: Collection[str] = (),
    ) -> None:
        self._publish = publish
        self._allowed_parameters = frozenset(allowed_parameters)
        self._events = _TokenBucket(per_second, clock)
        self._requests = _TokenBucket(min(per_second, _MAX_REQUESTS_PER_SECOND), clock)

    def publish_event(
        self, raw: Any, faults: Sequence[Fault], event_id: str | None, context: RequestContext
    ) -> None:
        """Publish a raw event with all its faults."""
        if not self._events.is_open():
            return
        if context.opted_out:
            self._publish_reasons(faults, context)
            return
        counts: Counter[str] = Counter()
        event_type = raw.get("event_type") if type(raw) is dict else None
        event_type = event_type[:_MAX_EVENT_TYPE_LENGTH] if type(event_type) is str else None
        event_type = event_type and encodable(redact(event_type, counts))
        if type(raw) is RefusedEvent:
            text, size = reduced_body(raw.text, self._allowed_parameters, counts, raw.size), raw.size
        else:
            text, size = reduced_event(raw, self._allowed_parameters, counts)
        self._publish_reduced(text, size, faults, counts, context, event_id, event_type)

    def publish_body(self, body: bytes, faults: Sequence[Fault], context: RequestContext) -> None:
        """Publish a body that could not be read as events."""
        if not self._events.is_open():
            return
        if context.opted_out:
            self._publish_reasons(faults, context)
            return
        counts: Counter[str] = Counter()
        text = reduced_body(body, self._allowed_parameters, counts)
        self._publish_reduced(text, len(body), faults, counts, context)

    def _publish_reduced(
        self,
        text: bytes,
        size: int,
        faults: Sequence[Fault],
        counts: Counter[str],
        context: RequestContext,
        event_id: str | None = None,
        event_type: str | None = None,
    ) -> None:
        self._events.take(1 + min(size, MAX_BODY_BYTES) / _BYTES_PER_TOKEN)
        for pattern, count in counts.items():
            metrics.REDACTIONS.labels(pattern, "rejected").inc(count)
        encode = partial(
            encode_rejected_event,
            "producer_api",
            context.received_at,
            reduced_faults(faults),
            user_key=context.owner_key,
            body_size=size,
            event_id=event_id,
            event_type=event_type,
        )
        event_id = event_id or context.new_id()
        if self._queue(Record(event_id, encode(body=text), []), context.record_key) == "too_large":
            # The reasons matter more than what they are about.
            self._queue(Record(event_id, encode(body=b""), []), context.record_key)

    def _publish_reasons(self, faults: Sequence[Fault], context: RequestContext) -> None:
        """Of senders who opted out only the reasons are kept, and where they are."""
        self._events.take(1)
        value = encode_rejected_event(
            "producer_api", context.received_at, opted_out_faults(faults), user_key=None, body=b""
        )
        self._queue(Record(context.new_id(), value, []), context.record_key)

    def publish_request(self, faults: Sequence[Fault], received_at: int, random: bytes) -> None:
        """Publish why a request was rejected before its body was read; `received_at` in ms since 1970.

        Nothing is kept of its body, as nobody knows who has sent it.
        """
        if not self._requests.is_open():
            return
        self._requests.take(1)
        value = encode_rejected_event("producer_api", received_at, faults, user_key=None, body=b"")
        self._queue(Record(event_ids.generate(received_at, random), value, []), None)

    def _queue(self, record: Record, key: bytes | None) -> Queued:
        queued = self._publish(key, record)
        metrics.REJECTED_RECORDS.labels(queued).inc()
        return queued


class _TokenBucket:
    """It fills at `per_second` up to a burst. What is published takes tokens."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._per_second, self._clock = per_second, clock
        self._tokens, self._filled_at = per_second * _BURST_SECONDS, clock()

    def is_open(self) -> bool:
        """Whether anything may be published now; counted if not."""
        now = self._clock()
        burst = self._per_second * _BURST_SECONDS
        self._tokens = min(burst, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens < 1:
            metrics.REJECTED_RECORDS.labels("over_rate").inc()
            return False
        return True

    def take(self, tokens: float) -> None:
        """They may be more than there are."""
        self._tokens -= tokens
