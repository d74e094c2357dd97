"""One event is one trace, from the request through Kafka to the row, exported to an OpenTelemetry collector."""

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from service_kit.kafka.settings import KafkaSettings
from tests.support.workers import Worker

pytestmark = pytest.mark.integration

COLLECT = "/api/analytics/collect"
CLICK = {"event_type": "click", "event_data": {"element": "a-marker-of-the-test"}}


class OtlpCollector:
    """Receives spans over OTLP/HTTP."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []
        spans = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    names = {each.key: each.value.string_value for each in resource.resource.attributes}
                    spans.extend(
                        (names["service.name"], span) for scope in resource.scope_spans for span in scope.spans
                    )
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, trace_id: str, count: int) -> dict[str, Span]:
        """Wait until a trace has `count` spans; its spans by service."""
        deadline = time.monotonic() + 40
        while True:
            found = {name: span for name, span in list(self.spans) if span.trace_id.hex() == trace_id}
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, [
                (name, span.name, span.trace_id.hex()) for name, span in self.spans
            ]
            time.sleep(0.1)


@pytest.fixture
def otlp(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpCollector]:
    created = OtlpCollector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", created.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    yield created
    created.close()


def test_an_event_is_one_trace_from_the_request_to_the_row(
    otlp: OtlpCollector, settings: KafkaSettings, postgres: str, tmp_path: Path
) -> None:
    cluster = {"kafka_bootstrap": settings.kafka_bootstrap, "topic_prefix": settings.topic_prefix}
    keys = {"hash_key": "a hash key for tests", "session_key": "a session key of thirty-two characters"}
    keys |= {"trust_loopback": "true", "cluster_limits": "false"}
    workers = [
        Worker("producer_api", tmp_path / "collector.log", port="PORT", **cluster, **keys),
        Worker("stream_app", tmp_path / "stream_app.log", **cluster),
        Worker("sinks", tmp_path / "sinks.log", **cluster, postgres_dsn=postgres),
    ]
    try:
        for worker in workers:
            worker.start(wait=0)
        for worker in workers:
            worker.wait_until_ready(60)
        trace_id = "0af7651916cd43dd8448eb211c80319c"
        parent = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
        url = f"http://127.0.0.1:{workers[0].port}{COLLECT}"
        assert httpx.post(url, json=CLICK, headers=parent).status_code == 200
        spans = otlp.wait_for(trace_id, 3)
    finally:
        for worker in workers:
            worker.end()
    request, landing, fold = (spans[f"footfall-{name}"] for name in ("collector", "sinks", "stream-app"))
    assert request.parent_span_id.hex() == "b7ad6b7169203331"
    assert landing.parent_span_id == fold.parent_span_id == request.span_id
    assert (request.name, landing.name) == (f"POST {COLLECT}", "land in Postgres")
    assert request.start_time_unix_nano < landing.end_time_unix_nano
    # No span holds what was sent.
    assert "a-marker-of-the-test" not in str(otlp.spans)


def test_without_an_endpoint_the_services_do_not_import_opentelemetry() -> None:
    code = (
        "import sys; from service_kit import tracing; assert tracing.tracer('x', {}) is None;"
        "import stream_app.app, sinks.__main__;"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
