"""Rejected events of valid senders, kept in `events-rejected` to be looked at: redacted, and bounded."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from avro_schemas.schema import latest
from avro_schemas.validation.faults import Fault
from avro_schemas.wire import codec
from producer_api import metrics
from producer_api.intake.context import Visit
from producer_api.privacy.redaction import redact
from producer_api.storage.records import Record

MAX_BODY_BYTES = 32 * 1024
MAX_FAULTS = 20
_BURST_SECONDS = 10.0

# Hands a record over: key and record; whether it was taken.
Post = Callable[[bytes | None, Record], bool]


class Rejects:
    """Hands rejected events to Kafka, at most so many a second; nobody waits for them."""

    def __init__(self, post: Post, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._post, self._per_second, self._clock = post, per_second, clock
        self._tokens, self._filled_at = per_second * _BURST_SECONDS, clock()

    def keep_event(self, raw: Any, faults: Sequence[Fault], event_id: str | None, visit: Visit) -> None:
        """Keep a raw event with everything that is wrong with it."""
        if self._may():
            event_type = raw.get("event_type") if type(raw) is dict else None
            named = event_type[:100] if type(event_type) is str else None
            self._keep(orjson.dumps(raw).decode(), faults, event_id, named, visit)

    def keep_body(self, body: bytes, fault: Fault, visit: Visit) -> None:
        """Keep a body in which no events could be found."""
        if self._may():
            self._keep(body[:MAX_BODY_BYTES].decode(errors="replace"), [fault], None, None, visit, len(body))

    def _may(self) -> bool:
        """Whether another one is within the rate."""
        now = self._clock()
        most = self._per_second * _BURST_SECONDS
        self._tokens = min(most, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens < 1:
            metrics.REJECTED_RECORDS.labels("over_rate").inc()
            return False
        self._tokens -= 1
        return True

    def _keep(
        self,
        text: str,
        faults: Sequence[Fault],
        event_id: str | None,
        event_type: str | None,
        visit: Visit,
        size: int | None = None,
    ) -> None:
        removed: Counter[str] = Counter()
        body = redact(text, removed).encode()
        for pattern, count in removed.items():
            metrics.REDACTIONS.labels(pattern, "rejected").inc(count)
        record = {
            "rejected_at": visit.received_at,
            "rejected_by": "producer_api",
            "reason": faults[0].code,
            "errors": [
                {"code": fault.code, "pointer": fault.pointer, "expected": fault.expected, "got": fault.got}
                for fault in faults[:MAX_FAULTS]
            ],
            "event_id": event_id,
            "event_type": event_type,
            "user_key": visit.key,
            "schema_id": None,
            "source_topic": None,
            "source_partition": None,
            "source_offset": None,
            "body": body[:MAX_BODY_BYTES],
            "body_size": len(body) if size is None else size,
        }
        value = codec.encode(latest()["rejected_event"], record)
        taken = self._post(visit.key, Record(event_id or visit.fresh_id(), value, []))
        metrics.REJECTED_RECORDS.labels("handed_over" if taken else "kafka_away").inc()
