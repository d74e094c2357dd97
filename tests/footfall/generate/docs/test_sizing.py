"""Cluster sizes: enough of everything, and no more."""

import pytest

from footfall.generate.docs.sizing import MAX_CPU_USE, Costs, cluster_size

COSTS = Costs()


@pytest.mark.parametrize("rate", [1, 1_000, 30_000, 100_000, 1_000_000])
def test_processes_can_carry_the_rate_and_one_less_would_be_too_busy(rate: int) -> None:
    size = cluster_size(rate, 5)
    for count, cost_us in (
        (size.workers, COSTS.stream_us),
        (size.sinks, COSTS.sink_us),
        (size.collectors, 68),
    ):
        needed = rate * cost_us / 1e6
        assert needed / count <= MAX_CPU_USE
        assert count == 2 or needed / (count - 1) > MAX_CPU_USE
    assert size.partitions >= 2 * max(size.workers, size.sinks) or size.partitions == 12
    assert rate * COSTS.dedup_seconds <= size.dedup_partitions * COSTS.dedup_ids


def test_ten_times_the_events_need_ten_times_the_bytes() -> None:
    one, ten = cluster_size(1_000, 5), cluster_size(10_000, 5)
    assert ten.kafka_bytes == pytest.approx(10 * one.kafka_bytes)
    assert ten.postgres_bytes == pytest.approx(10 * one.postgres_bytes)
    # 1,000 events/s for a day are 86.4 million; rows of 7 days, and 83 days packed.
    assert one.postgres_bytes == 86_400_000 * (7 * COSTS.row_bytes + 83 * COSTS.packed_bytes)


def test_larger_requests_need_fewer_collectors_and_as_many_of_the_rest() -> None:
    single, many = cluster_size(100_000, 1), cluster_size(100_000, 100)
    assert single.collectors > 10 * many.collectors
    assert (single.workers, single.sinks, single.brokers) == (many.workers, many.sinks, many.brokers)
