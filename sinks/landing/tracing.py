"""A span for each traced event that lands, the last one of its trace."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, set_span_in_context

from service_kit.tracing import sampled_parent
from sinks.landing.ports import CommitCheck, EventStore, WriteResult, accept_all
from sinks.landing.rows import Batch

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

# Per batch: a client that traces everything must not cost us a span per row.
MAX_SPANS = 100


class TracedStore:
    """A store that also makes spans."""

    def __init__(self, store: EventStore, tracer: "Tracer") -> None:
        self._store, self._tracer = store, tracer
        self.prepare, self.claim, self.leader_epochs = store.prepare, store.claim, store.leader_epochs
        self.next_offsets = store.next_offsets
        self.cancel, self.abort = store.cancel, store.abort

    def write(self, batch: Batch, check_before_commit: CommitCheck = accept_all) -> WriteResult:
        """Write a batch. Each traced event gets a span that is as long as the write of the batch."""
        started = time.time_ns()
        result = self._store.write(batch, check_before_commit)
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
        return result


def _traced(batch: Batch) -> Iterator[tuple[int, int, SpanContext]]:
    for partition, record, _row in batch.rows:
        if (parent := sampled_parent(record.headers)) is not None:
            yield partition, record.offset, parent
