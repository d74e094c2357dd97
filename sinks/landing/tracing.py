"""A span for each traced event that lands: the last one of its trace."""

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, set_span_in_context

from service_kit.tracing import sampled
from sinks.landing.ports import Admit, EventStore, Written, admit_all
from sinks.landing.rows import Batch

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

# Of a batch; a client that traces everything must not make us as many spans as rows.
MAX_SPANS = 100


class TracedStore:
    """Around a store."""

    def __init__(self, store: EventStore, tracer: "Tracer") -> None:
        self._store, self._tracer = store, tracer

    def prepare(self) -> None:
        """As the store does."""
        self._store.prepare()

    def offsets(self, begins: Mapping[int, int], topic_id: UUID | None = None) -> dict[int, int]:
        """As the store does."""
        return self._store.offsets(begins, topic_id)

    def cancel(self) -> None:
        """As the store does."""
        self._store.cancel()

    def cut(self) -> None:
        """As the store does."""
        self._store.cut()

    def write(self, batch: Batch, admit: Admit = admit_all) -> Written:
        """As the store does; what is traced of it gets a span each, as long as the batch took."""
        started = time.time_ns()
        written = self._store.write(batch, admit)
        ended = time.time_ns()
        for number, (partition, offset, parent) in enumerate(_traced(batch)):
            if number == MAX_SPANS:
                break
            span = self._tracer.start_span(
                "land in Postgres",
                set_span_in_context(NonRecordingSpan(parent)),
                kind=SpanKind.CONSUMER,
                attributes={
                    "messaging.system": "kafka",
                    "messaging.destination.partition.id": str(partition),
                    "messaging.kafka.offset": offset,
                    "messaging.batch.message_count": len(batch.rows),
                },
                start_time=started,
            )
            span.end(ended)
        return written


def _traced(batch: Batch) -> Iterator[tuple[int, int, SpanContext]]:
    for partition, record, _row in batch.rows:
        if (parent := sampled(record.headers)) is not None:
            yield partition, record.offset, parent
