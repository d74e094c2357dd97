"""What a rate of events takes: processes, partitions, brokers, disks; from what one process was measured to do."""

import math
from dataclasses import dataclass

from service_kit.retention import RetentionSettings

DAY = 86_400
# Of a core, on average: the rest is for peaks, rebalances and catching up.
BUSY = 0.6
MIN_PARTITIONS = 12
REPLICAS = 3
KAFKA_DAYS = 7
RETENTION = RetentionSettings()


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one process (docs/performance.md has how they were measured), and two estimates."""

    # CPU µs: a request besides its events, and an event of it (single 260, in hundreds 22).
    request_us: float = 240
    event_us: float = 20
    stream_us: float = 10
    sink_us: float = 17
    # Ids that a partition remembers at most, and for how long they should last.
    horizon_ids: int = 131_072
    horizon_seconds: int = 600
    # Bytes: a record in Kafka with headers (a short page view has 380), a row with its indexes, a packed row.
    record_bytes: int = 400
    row_bytes: int = 261
    packed_bytes: int = 44
    # Estimates: what a broker takes in a second in the long run, and what Postgres' own CPU takes a row.
    broker_bytes: float = 50e6
    postgres_us: float = 8


@dataclass(frozen=True, slots=True)
class Size:
    """What a rate takes. Disks in bytes, Kafka's with all replicas."""

    rate: int
    collectors: int
    workers: int
    sinks: int
    partitions: int
    horizon_partitions: int
    brokers: int
    kafka_bytes: float
    postgres_bytes: float
    postgres_cores: float
    wal_bytes_a_second: float


def size(
    rate: int,
    events_a_request: float,
    figures: Figures = Figures(),
    retention: RetentionSettings = RETENTION,
) -> Size:
    """Of `rate` events a second, in requests of so many events."""
    collector_us = figures.request_us / events_a_request + figures.event_us
    workers, sinks = _processes(rate, figures.stream_us), _processes(rate, figures.sink_us)
    written = rate * figures.record_bytes * REPLICAS
    unpacked_days = min(retention.pack_after_days, retention.retention_days)
    packed_days = retention.retention_days - unpacked_days
    stored = unpacked_days * figures.row_bytes + packed_days * figures.packed_bytes
    return Size(
        rate=rate,
        collectors=max(2, _processes(rate, collector_us)),
        workers=max(2, workers),
        sinks=max(2, sinks),
        # Twice as many as processes, so that each gets about as many as the others; and they do not shrink.
        partitions=_rounded(max(MIN_PARTITIONS, 2 * max(workers, sinks))),
        horizon_partitions=_rounded(rate * figures.horizon_seconds / figures.horizon_ids),
        brokers=max(REPLICAS, math.ceil(written / figures.broker_bytes)),
        kafka_bytes=written * KAFKA_DAYS * DAY,
        postgres_bytes=float(rate * DAY * stored),
        postgres_cores=rate * figures.postgres_us / 1e6,
        # A row goes into the log about once more than into its table.
        wal_bytes_a_second=rate * figures.row_bytes * 1.2,
    )


def _processes(rate: float, cost_us: float) -> int:
    return math.ceil(rate * cost_us / 1e6 / BUSY)


def _rounded(partitions: float) -> int:
    """Up to a dozen: dozens divide well among processes."""
    return 12 * math.ceil(partitions / 12)
