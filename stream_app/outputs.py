"""Records for the topics that the stream app writes, from what a snapshot tells."""

from dataclasses import dataclass

from avro_schemas.live_aggregates import record_key
from avro_schemas.rejected_event import RecordPosition, encode_rejected_event, record_fault
from avro_schemas.schema import latest
from avro_schemas.wire import codec
from service_kit.kafka import Headers, KafkaRecord
from stream_app.state.partition import Rejected, Snapshot
from stream_app.state.rates import WINDOW_SECONDS, MinuteTotal, Verdict
from stream_app.state.windows import Partial


@dataclass(frozen=True, slots=True)
class Output:
    """A record; no value means that the key is gone, no timestamp that it is of now."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int | None = None


def copy(record: KafkaRecord) -> Output:
    """A record as it came, for another topic."""
    return Output(record.key, record.value, tuple(record.headers), record.timestamp)


def aggregate(partition: int, snapshot: Snapshot, partial: Partial) -> Output:
    """A partial for `live-aggregates`."""
    window_seconds = partial.window_ms // 1000
    key = record_key(partition, partial.dimension, window_seconds, partial.start)
    if partial.counts is None:
        return Output(key, None)
    record = {
        "dimension": partial.dimension,
        "window_start": partial.start,
        "window_seconds": window_seconds,
        "partition": partition,
        "source_offset": snapshot.position,
        "watermark": snapshot.watermark,
        "counts": partial.counts,
        "sketch": partial.sketch,
    }
    return Output(key, codec.encode(latest()["live_aggregate"], record))


def user_rate(partition: int, snapshot: Snapshot, rate: Verdict | MinuteTotal, limit: int) -> Output:
    """A verdict, or the total of a minute, for `user-rates`."""
    final = isinstance(rate, MinuteTotal)
    record = {
        "user_key": rate.user_key,
        "measured_at": rate.ended_at if isinstance(rate, MinuteTotal) else snapshot.watermark,
        "window_seconds": WINDOW_SECONDS,
        "events": rate.events,
        "limit": limit,
        "blocked_until": rate.blocked_until,
        "partition": partition,
        "source_offset": snapshot.position,
        "final": final,
    }
    return Output(rate.user_key, codec.encode(latest()["user_rate"], record))


def rejection(topic: str, partition: int, rejected: Rejected, now: int) -> Output:
    """A refused record for `events-rejected`; `now` in milliseconds since 1970."""
    record = rejected.record
    value = encode_rejected_event(
        "stream_app",
        now,
        [record_fault(rejected.refusal.reason, str(rejected.refusal))],
        user_key=record.key,
        body=record.value or b"",
        position=RecordPosition(topic, partition, record.offset),
    )
    return Output(record.key, value)
