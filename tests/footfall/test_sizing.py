"""The arithmetic of growing: enough of everything, and no more than that."""

import pytest

from footfall.generate.sizing import BUSY, Figures, size

FIGURES = Figures()


@pytest.mark.parametrize("rate", [1, 1_000, 30_000, 100_000, 1_000_000])
def test_processes_carry_the_rate_and_one_less_would_be_too_busy(rate: int) -> None:
    found = size(rate, 5)
    for count, cost_us in (
        (found.workers, FIGURES.stream_us),
        (found.sinks, FIGURES.sink_us),
        (found.collectors, 68),
    ):
        needed = rate * cost_us / 1e6
        assert needed / count <= BUSY
        assert count == 2 or needed / (count - 1) > BUSY
    assert found.partitions >= 2 * max(found.workers, found.sinks) or found.partitions == 12
    assert rate * FIGURES.horizon_seconds <= found.horizon_partitions * FIGURES.horizon_ids


def test_ten_times_the_events_take_ten_times_the_bytes() -> None:
    one, ten = size(1_000, 5), size(10_000, 5)
    assert ten.kafka_bytes == pytest.approx(10 * one.kafka_bytes)
    assert ten.postgres_bytes == pytest.approx(10 * one.postgres_bytes)
    # 1,000 events/s for a day are 86.4 million; rows of 7 days, and 83 days packed.
    assert one.postgres_bytes == 86_400_000 * (7 * 261 + 83 * 44)


def test_larger_requests_need_fewer_collectors_and_nothing_else_less() -> None:
    single, many = size(100_000, 1), size(100_000, 100)
    assert single.collectors > 10 * many.collectors
    assert (single.workers, single.sinks, single.brokers) == (many.workers, many.sinks, many.brokers)
