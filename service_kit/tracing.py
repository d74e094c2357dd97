"""Traces by OpenTelemetry, if the extra `otel` is installed and an OTLP endpoint is set.

Otherwise OpenTelemetry is not even imported. Its own variables set the rest. One request in a hundred is traced
unless OTEL_TRACES_SAMPLER says otherwise; a request with a sampled traceparent is always traced.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext, Tracer

log = logging.getLogger(__name__)

SAMPLED = 1.0 / 100
TRACEPARENT = "traceparent"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

Headers = Iterable[tuple[str, bytes | None]]


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks for traces."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in _ENDPOINTS)


def tracer(service: str, environ: Mapping[str, str]) -> "Tracer | None":
    """The tracer of this process; None if traces are not wanted, or the extra is missing."""
    if not is_wanted(environ):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError as error:
        log.warning("no traces: install footfall[otel]", extra={"error": str(error)})
        return None
    sampler = None if environ.get("OTEL_TRACES_SAMPLER") else ParentBased(TraceIdRatioBased(SAMPLED))
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence.
    resource = Resource.create({} if environ.get("OTEL_SERVICE_NAME") else {"service.name": service})
    provider = TracerProvider(sampler=sampler, resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("footfall")


def sampled_parent(headers: Headers) -> "SpanContext | None":
    """The parent span in the headers of a record, if it is sampled."""
    for name, value in headers:
        if name == TRACEPARENT and value:
            return _read(value)
    return None


def to_traceparent(context: "SpanContext") -> bytes:
    """The context as a `traceparent` (W3C Trace Context)."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}".encode()


def _read(value: bytes) -> "SpanContext | None":
    from opentelemetry.trace import SpanContext, TraceFlags

    try:
        _version, trace_id, span_id, flags = value.split(b"-")[:4]
        made = SpanContext(
            int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
        )
    except ValueError:
        return None
    return made if made.is_valid and made.trace_flags.sampled else None
