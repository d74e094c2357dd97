"""docs/growing.md: the costs, assumptions and sizes that `sizing` computes."""

from collections.abc import Callable

from footfall.generate.docs.sizing import (
    KAFKA_RETENTION_DAYS,
    MAX_CPU_USE,
    REPLICAS,
    ClusterSize,
    Costs,
    cluster_size,
)
from footfall.generate.regions import Regions
from footfall.generate.tables import table
from service_kit.retention import RetentionSettings

RATES = (1_000, 100_000, 1_000_000)
EVENTS_PER_REQUEST = 5


def regions() -> Regions:
    """What a process costs, what is assumed, and what each rate needs."""
    costs, sizes = Costs(), [cluster_size(rate, EVENTS_PER_REQUEST) for rate in RATES]
    return {
        "costs": table(("process", "CPU µs per event", "events/s per core"), _costs(costs)),
        "sizes": table(("", *(f"{rate:,} events/s" for rate in RATES)), _sizes(sizes)),
        "assumptions": table(("assumption", "value"), _assumptions(costs)),
    }


def _costs(costs: Costs) -> list[list[str]]:
    per_event = {
        "collector, single events": costs.request_us + costs.event_us,
        f"collector, {EVENTS_PER_REQUEST} events per request": costs.request_us / EVENTS_PER_REQUEST
        + costs.event_us,
        "collector, 100 events per request": costs.request_us / 100 + costs.event_us,
        "stream worker": costs.stream_us,
        "sink": costs.sink_us,
    }
    return [[name, f"{cost:.0f}", f"{round(1e6 / cost, -2):,.0f}"] for name, cost in per_event.items()]


def _assumptions(costs: Costs) -> list[list[str]]:
    retention = RetentionSettings()
    return [
        ["events per request, as the SDK sends them", f"{EVENTS_PER_REQUEST}"],
        ["planned average use of a core", f"{MAX_CPU_USE:.0%}"],
        ["retention in Kafka", f"{KAFKA_RETENTION_DAYS} days, {REPLICAS} replicas, uncompressed"],
        [
            "retention in Postgres",
            f"{retention.retention_days} days, of which the newest {retention.pack_after_days} are unpacked",
        ],
        ["record in Kafka", f"{costs.record_bytes} bytes"],
        ["row in Postgres, with its indexes", f"{costs.row_bytes} bytes, packed {costs.packed_bytes}"],
        ["sustained write rate of a broker (estimate)", f"{costs.broker_bytes_per_second / 1e6:.0f} MB/s"],
        ["Postgres' own CPU per row (estimate)", f"{costs.postgres_us:g} µs"],
    ]


def _sizes(sizes: list[ClusterSize]) -> list[list[str]]:
    rows: dict[str, Callable[[ClusterSize], str]] = {
        "collectors": lambda size: f"{size.collectors:,}",
        "stream workers": lambda size: f"{size.workers:,}",
        "sinks": lambda size: f"{size.sinks:,}",
        "partitions, for the processes": lambda size: f"{size.partitions:,}",
        "partitions, for the whole dedup window": lambda size: f"{size.dedup_partitions:,}",
        "brokers": lambda size: f"{size.brokers:,}",
        "Kafka's disks, all replicas": lambda size: _bytes(size.kafka_bytes),
        "Postgres' disk": lambda size: _bytes(size.postgres_bytes),
        "Postgres' cores, for landing": lambda size: f"{size.postgres_cores:.1f}",
        "write-ahead log": lambda size: f"{_bytes(size.wal_bytes_per_second)}/s",
    }
    return [[name, *map(shown, sizes)] for name, shown in rows.items()]


def _bytes(count: float) -> str:
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}" if count < 10 * unit else f"{count / unit:,.0f} {name}"
    return f"{count / 1e3:.0f} kB"
