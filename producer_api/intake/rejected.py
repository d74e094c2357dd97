"""Rejected events of valid senders, published to `events-rejected`: redacted, and bounded in size and rate."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from avro_schemas.rejected_event import MAX_BODY_BYTES, encode_rejected_event
from avro_schemas.validation.fault import Fault
from producer_api import metrics
from producer_api.intake.context import RequestContext
from producer_api.intake.lone_events import RefusedEvent
from producer_api.privacy.redaction import redact
from producer_api.storage.records import Record

_MAX_EVENT_TYPE_LENGTH = 100
_BURST_SECONDS = 10.0
# Of events that are nested more deeply than JSON can be written.
_MAX_DEPTH = 50
# What is longer takes more tokens.
_BYTES_PER_TOKEN = 4_096
_SPARE_BYTES = 256

# Publishes a record with a key, without waiting; whether the record was queued.
Publish = Callable[[bytes | None, Record], bool]


class RejectedEvents:
    """Queues rejected events for Kafka, at most `per_second`, and fewer large ones. No request waits for them."""

    def __init__(self, publish: Publish, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._publish, self._per_second, self._clock = publish, per_second, clock
        # A token bucket: it fills at `per_second` up to a burst, and each rejected event takes one and more.
        self._tokens, self._filled_at = per_second * _BURST_SECONDS, clock()

    def publish_event(
        self, raw: Any, faults: Sequence[Fault], event_id: str | None, context: RequestContext
    ) -> None:
        """Publish a raw event with all its faults."""
        if self._has_tokens():
            event_type = raw.get("event_type") if type(raw) is dict else None
            event_type = event_type[:_MAX_EVENT_TYPE_LENGTH] if type(event_type) is str else None
            text = raw.text if type(raw) is RefusedEvent else _json(raw)
            size = raw.size if type(raw) is RefusedEvent else len(text)
            self._publish_text(text, size, faults, context, event_id, event_type)

    def publish_body(self, body: bytes, faults: Sequence[Fault], context: RequestContext) -> None:
        """Publish a body that could not be read as events."""
        if self._has_tokens():
            self._publish_text(body, len(body), faults, context)

    def _publish_text(
        self,
        text: bytes,
        size: int,
        faults: Sequence[Fault],
        context: RequestContext,
        event_id: str | None = None,
        event_type: str | None = None,
    ) -> None:
        self._tokens -= 1 + min(size, MAX_BODY_BYTES) / _BYTES_PER_TOKEN
        value = encode_rejected_event(
            "producer_api",
            context.received_at,
            faults,
            user_key=context.owner_key,
            body=_redacted_beginning(text),
            body_size=size,
            event_id=event_id,
            event_type=event_type,
        )
        self._queue(Record(event_id or context.new_id(), value, []), context)

    def _has_tokens(self) -> bool:
        now = self._clock()
        burst = self._per_second * _BURST_SECONDS
        self._tokens = min(burst, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens < 1:
            metrics.REJECTED_RECORDS.labels("over_rate").inc()
            return False
        return True

    def _queue(self, record: Record, context: RequestContext) -> None:
        queued = self._publish(context.record_key, record)
        metrics.REJECTED_RECORDS.labels("queued" if queued else "kafka_unavailable").inc()


def _json(raw: Any) -> bytes:
    try:
        return orjson.dumps(raw)
    except TypeError:  # nested more deeply than JSON is written
        return orjson.dumps(_cut(raw, _MAX_DEPTH))


def _cut(value: Any, depth: int) -> Any:
    """The value, with an ellipsis for what is nested more deeply."""
    if type(value) not in (dict, list):
        return value
    if not depth:
        return "…"
    if type(value) is list:
        return [_cut(item, depth - 1) for item in value]
    return {name: _cut(item, depth - 1) for name, item in value.items()}


def _redacted_beginning(text: bytes) -> bytes:
    """As much as is published. It is cut before it is redacted: what a redaction costs grows with the text."""
    if len(text) <= MAX_BODY_BYTES:
        return _redact_counted(text)
    # The end may be the half of an address or a number, which redaction does not recognise.
    return _redact_counted(text[:MAX_BODY_BYTES])[:-_SPARE_BYTES]


def _redact_counted(text: bytes) -> bytes:
    counts: Counter[str] = Counter()
    redacted = redact(text.decode(errors="replace"), counts)
    for pattern, count in counts.items():
        metrics.REDACTIONS.labels(pattern, "rejected").inc(count)
    return redacted.encode()
