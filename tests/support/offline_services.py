"""What each service makes of events, without I/O: collector, stream app with a recovery, dashboard, sinks."""

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any

import orjson
from starlette.requests import Request as HttpRequest

from avro_schemas.wire import codec
from dashboard.health.pipeline import PipelineHealth
from dashboard.live.feed import rejected_entry
from dashboard.live.hub import Hub
from dashboard.live.rejected_events import RejectedEvents as ShownRejectedEvents
from dashboard.live.snapshot import Json, minute_chart, snapshot
from dashboard.live.state import LiveState
from dashboard.render.pages import Pages
from dashboard.render.panels import PANELS
from producer_api.errors import RequestRejected
from producer_api.intake.pipeline import Pipeline
from producer_api.intake.rejected import RejectedEvents
from producer_api.limits.admission import RateLimiter
from producer_api.limits.cluster import ClusterLimits
from producer_api.privacy.hashes import Hasher
from producer_api.request import Request, Sender
from producer_api.settings import Settings
from producer_api.storage.records import PublishRequest, Queued
from producer_api.storage.records import Record as WrittenRecord
from service_kit.kafka.settings import KafkaSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret
from sinks import columns
from sinks.landing.event_row import Device
from sinks.landing.judge import counted_in
from sinks.landing.rows import decode_batch
from stream_app.engine.changelog import Recovery, changelog_key, fenced
from stream_app.outputs import copy, live_aggregate, rejected_event, user_rate
from stream_app.state.dimensions import LIVE_AGGREGATES
from stream_app.state.partition import PartitionState
from stream_app.state.snapshot import Snapshot
from tests.support.events import NOON, Record

# What brokers take by default, with room for keys, headers and the batch around a record.
MAX_RECORD_BYTES = 1_000_000
MINUTE = 60_000


class Kafka:
    """The topics that the collector writes to."""

    is_available = True

    def __init__(self) -> None:
        self.events = list[Record]()
        self.rejected = list[bytes]()

    async def publish(self, request: PublishRequest) -> list[bool]:
        for written in request.records:
            # Each comes a little later than the one before, over two windows.
            at = NOON + 7_000 * len(self.events)
            self.events.append(Record(len(self.events), at, request.key, written.value, written.headers))
        return [True] * len(request.records)

    def reject(self, _key: bytes | None, record: WrittenRecord) -> Queued:
        self.rejected.append(record.value)
        return "queued"


def collected(body: bytes, sender: Sender, headers: dict[bytes, bytes] | None = None) -> Kafka:
    """What the collector publishes of a body."""
    kafka = Kafka()
    settings = Settings(
        kafka=KafkaSettings(kafka_bootstrap="nowhere:9092"),
        hash_key=Secret("a hash key for tests"),
        sessions=SessionSettings(session_key=Secret("a session key of thirty-two characters")),
        unknown_events="accept",
        max_unknown_event_types=10_000,
    )
    pipeline = Pipeline(
        settings,
        Hasher("a hash key for tests"),
        RateLimiter(ClusterLimits(), per_user=1_000, per_ip=1_000, per_backend=1_000, bytes_per_event=4_096),
        kafka,
        RejectedEvents(kafka.reject, 1_000),
        wall_clock=lambda: NOON * 1_000_000,
        monotonic=lambda: 1_000.0,
    )
    try:
        answer, _admission = asyncio.run(
            pipeline.collect(Request(headers or {}, "203.0.113.7", is_secure=True), sender, body)
        )
    except RequestRejected:
        return kafka
    orjson.dumps(answer.body)
    results = answer.body.get("results", [answer.body])
    codes = [error["code"] for result in results for error in result.get("errors", ())]
    assert "unexpected" not in codes
    return kafka


def new_state() -> PartitionState:
    types = ("page_view", "web_vital")
    return PartitionState(LIVE_AGGREGATES, limit=3, min_total_events=1, grace_ms=10 * MINUTE, copied_types=types)


def everything(state: PartitionState) -> Snapshot:
    state.mark_all_dirty()
    found = state.snapshot()
    assert found is not None
    return found


def recovered(written: Snapshot) -> PartitionState:
    """A state from the changelog."""
    recovery = Recovery()
    for offset, (key, value) in enumerate(written.values):
        payload = fenced(written.fence, value)
        assert len(payload) < MAX_RECORD_BYTES
        recovery.read(offset, changelog_key(0, key), payload)
    state, values = new_state(), recovery.values()
    assert values is not None
    state.restore(values)
    return state


def emitted(found: Snapshot) -> list[bytes]:
    """The values of all outputs; those of `live-aggregates` come first."""
    outputs = [live_aggregate(0, found, partial) for partial in found.partials]
    outputs += [user_rate(0, found, rate, 3) for rate in (*found.verdicts, *found.minute_totals)]
    outputs += [rejected_event("events", 0, rejected, NOON) for rejected in found.rejected]
    outputs += [copy(each.record) for each in found.copies]
    assert all(len(output.value or b"") < MAX_RECORD_BYTES for output in outputs)
    return [output.value for output in outputs if output.value is not None]


def shown(values: Sequence[bytes], rejected: Sequence[bytes], now: int) -> None:
    """Everything the dashboard makes of outputs and rejected events: snapshot, patch, page, chart, feed."""
    state, shown_rejected, health = LiveState(), ShownRejectedEvents(), PipelineHealth(has_postgres=True)
    for value in values:
        schema, partial = codec.decode(value)
        if schema.name == "live_aggregate":
            state.merge(partial)
    for value in rejected:
        if entry := shown_rejected.add(codec.decode(value)[1]):
            orjson.dumps(rejected_entry(entry))

    def current() -> Json:
        return snapshot(state, shown_rejected, health, now, connected=True)

    Hub(current).send_patch()
    page(current())


@cache
def pages() -> Pages:
    return Pages()


def page(numbers: Json) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "server": ("x", 80)}
    pages().render(
        HttpRequest(scope),
        "live.html",
        shown=numbers,
        panels=PANELS,
        only_type="",
        chart=minute_chart(numbers),
    )


class AllNames(dict[Any, int]):
    """A lookup table that knows every name."""

    def __missing__(self, name: object) -> int:
        assert isinstance(name, (str, Device))
        return 1


class AllLookups:
    types: Any = AllNames()
    devices: Any = AllNames()


def landed(events: Sequence[Record]) -> None:
    """Every record becomes a row, or repeats an id, and every row has a binary form."""
    batch = decode_batch({0: events}, {0: 0})
    assert not batch.dead_letters
    assert len(batch.rows) + len(batch.repeats) == len(events)
    rows = [row for _partition, _record, row in batch.rows]
    assert len(list(columns.encode(rows, AllLookups(), counted_in(batch.rows)))) == len(rows)
