"""Records for the topics that the stream app writes, from what a snapshot tells."""

from dataclasses import dataclass

from avro_schemas import codec
from avro_schemas.schemas import newest
from stream_app.partition import Rejected, Snapshot
from stream_app.rates import WINDOW_SECONDS, Verdict
from stream_app.windows import Partial

MOST_BODY = 32 * 1024


@dataclass(frozen=True, slots=True)
class Output:
    """Key and value of a record; no value means that the key is gone."""

    key: bytes | None
    value: bytes | None


def aggregate(partition: int, snapshot: Snapshot, partial: Partial) -> Output:
    """A partial for `live-aggregates`."""
    window_seconds = partial.window_ms // 1000
    key = f"{partition}|{partial.dimension}|{window_seconds}|{partial.start}".encode()
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
    return Output(key, codec.encode(newest()["live_aggregate"], record))


def user_rate(partition: int, snapshot: Snapshot, verdict: Verdict, limit: int) -> Output:
    """A verdict for `user-rates`."""
    record = {
        "user_key": verdict.user_key,
        "measured_at": snapshot.watermark,
        "window_seconds": WINDOW_SECONDS,
        "events": verdict.events,
        "limit": limit,
        "blocked_until": verdict.blocked_until,
        "partition": partition,
        "source_offset": snapshot.position,
    }
    return Output(verdict.user_key, codec.encode(newest()["user_rate"], record))


def rejection(topic: str, partition: int, rejected: Rejected, now: int) -> Output:
    """A refused record for `events-rejected`; `now` in milliseconds since 1970."""
    value = rejected.record.value or b""
    reason = rejected.refusal.reason
    schema_id = int.from_bytes(value[1:5], "big") if len(value) >= 5 and value[0] == 0 else 2**31
    fault = {"code": reason, "pointer": "", "expected": "an event", "got": str(rejected.refusal)[:500]}
    record = {
        "rejected_at": now,
        "rejected_by": "stream_app",
        "reason": reason,
        "errors": [fault],
        "event_id": None,
        "event_type": None,
        "user_key": rejected.record.key,
        "schema_id": schema_id if schema_id < 2**31 else None,
        "source_topic": topic,
        "source_partition": partition,
        "source_offset": rejected.record.offset,
        "body": value[:MOST_BODY],
        "body_size": len(value),
    }
    return Output(rejected.record.key, codec.encode(newest()["rejected_event"], record))
