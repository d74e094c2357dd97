"""A span around each traced request, which its records carry on into Kafka."""

from typing import TYPE_CHECKING

from opentelemetry.trace import NonRecordingSpan, SpanKind, StatusCode, set_span_in_context
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service_kit.tracing import TRACEPARENT, sampled_parent, to_traceparent

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_NAME = TRACEPARENT.encode()


class TracedRoute:
    """Wraps a route. A span has method, route and status, but nothing about the sender or the events."""

    def __init__(self, app: ASGIApp, tracer: "Tracer") -> None:
        self._app, self._tracer = app, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parent = sampled_parent([(TRACEPARENT, value) for name, value in scope["headers"] if name == _NAME])
        name = f"{scope['method']} {scope['path']}"
        attributes = {"http.request.method": scope["method"], "http.route": scope["path"]}
        context = set_span_in_context(NonRecordingSpan(parent)) if parent else None
        with self._tracer.start_as_current_span(
            name, context, kind=SpanKind.SERVER, attributes=attributes, record_exception=False
        ) as span:

            async def send_and_record(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            if span.is_recording():
                # The pipeline copies this header into the records, so their spans are children of this one.
                others = [(name, value) for name, value in scope["headers"] if name != _NAME]
                scope = {**scope, "headers": [*others, (_NAME, to_traceparent(span.get_span_context()))]}
            await self._app(scope, receive, send_and_record)
