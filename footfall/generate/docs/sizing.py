"""What a rate of events needs, computed from the measured costs of single processes."""

import math
from dataclasses import dataclass

from service_kit.retention import RetentionSettings

DAY_SECONDS = 86_400
# Planned average use of a core. The rest is for peaks, rebalances and catching up.
MAX_CPU_USE = 0.6
MIN_PARTITIONS = 12
REPLICAS = 3
KAFKA_RETENTION_DAYS = 7
RETENTION = RetentionSettings()


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of single processes (docs/performance.md says how they were measured), and two estimates."""

    # CPU µs: per request, and per event in it (260 for a single event, 22 per event in batches of 100).
    request_us: float = 240
    event_us: float = 20
    stream_us: float = 10
    sink_us: float = 17
    # Event ids that a partition can hold, and how long they should last.
    dedup_ids: int = 131_072
    dedup_seconds: int = 300
    # Bytes: a record in Kafka with its headers (an event of a browser has 560 to 620), a row with its
    # indexes, a packed row.
    record_bytes: int = 600
    row_bytes: int = 268
    packed_bytes: int = 42
    # Estimates: the sustained write rate of a broker, and Postgres' own CPU per row.
    broker_bytes_per_second: float = 50e6
    postgres_us: float = 8


@dataclass(frozen=True, slots=True)
class ClusterSize:
    """What a rate of events needs. Disks are in bytes; Kafka's include all replicas."""

    rate: int
    collectors: int
    workers: int
    sinks: int
    partitions: int
    dedup_partitions: int
    brokers: int
    kafka_bytes: float
    postgres_bytes: float
    postgres_cores: float
    wal_bytes_per_second: float


def cluster_size(
    rate: int,
    events_per_request: float,
    costs: Costs = Costs(),
    retention: RetentionSettings = RETENTION,
) -> ClusterSize:
    """What `rate` events per second need."""
    collector_us = costs.request_us / events_per_request + costs.event_us
    workers, sinks = _processes(rate, costs.stream_us), _processes(rate, costs.sink_us)
    kafka_bytes_per_second = rate * costs.record_bytes * REPLICAS
    unpacked_days = min(retention.pack_after_days, retention.retention_days)
    packed_days = retention.retention_days - unpacked_days
    row_days = unpacked_days * costs.row_bytes + packed_days * costs.packed_bytes
    return ClusterSize(
        rate=rate,
        collectors=max(2, _processes(rate, collector_us)),
        workers=max(2, workers),
        sinks=max(2, sinks),
        # Two or more per process, so that the load is even; and partitions cannot be removed later.
        partitions=_dozens(max(MIN_PARTITIONS, 2 * max(workers, sinks))),
        dedup_partitions=_dozens(rate * costs.dedup_seconds / costs.dedup_ids),
        brokers=max(REPLICAS, math.ceil(kafka_bytes_per_second / costs.broker_bytes_per_second)),
        kafka_bytes=kafka_bytes_per_second * KAFKA_RETENTION_DAYS * DAY_SECONDS,
        postgres_bytes=float(rate * DAY_SECONDS * row_days),
        postgres_cores=rate * costs.postgres_us / 1e6,
        # The write-ahead log has each row about once more than the table, and some overhead.
        wal_bytes_per_second=rate * costs.row_bytes * 1.2,
    )


def _processes(rate: float, cost_us: float) -> int:
    return math.ceil(rate * cost_us / 1e6 / MAX_CPU_USE)


def _dozens(partitions: float) -> int:
    """Rounded up to a multiple of 12, which divides evenly among many numbers of processes."""
    return 12 * math.ceil(partitions / 12)
