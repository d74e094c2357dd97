"""A span for each fetched batch with traced events: in the trace of the first, linked to those of the others."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Link, NonRecordingSpan, SpanKind, set_span_in_context

from service_kit.tracing import sampled_parent

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

MAX_LINKS = 100


class FoldSpans:
    """Creates the spans of folded batches."""

    def __init__(self, tracer: "Tracer") -> None:
        self._tracer = tracer

    def __call__(self, partition: int, records: Sequence[Any]) -> AbstractContextManager[Any]:
        """The context in which to fold the records."""
        traced = [context for record in records if (context := sampled_parent(record.headers)) is not None]
        if not traced:
            return nullcontext()
        first, *others = traced[:MAX_LINKS]
        return self._tracer.start_as_current_span(
            "fold into the live counts",
            set_span_in_context(NonRecordingSpan(first)),
            kind=SpanKind.CONSUMER,
            links=[Link(other) for other in others],
            attributes={
                "messaging.system": "kafka",
                "messaging.destination.partition.id": str(partition),
                "messaging.kafka.offset": records[0].offset,
                "messaging.batch.message_count": len(records),
            },
        )
