"""What `footfall doctor` hears from stream app and sinks."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from footfall.doctor.workers import check_worker, check_workers
from service_kit.metrics import exposition
from service_kit.probes import Health, Probes


def registry(**gauges: float) -> CollectorRegistry:
    made = CollectorRegistry()
    for name, value in gauges.items():
        Gauge(name, "A gauge.", registry=made).set(value)
    return made


def states(gauges: dict[str, float], status: int = 200, lost: int = 0) -> list[str]:
    made = registry(**gauges)
    Counter("footfall_stream_records_lost_to_retention", "Lost.", registry=made).inc(lost)
    found = check_worker("http://localhost:1", status, "the reason", exposition(made).decode())
    return [finding.state for finding in found]


@pytest.mark.parametrize(
    ("gauges", "status", "lost", "expected"),
    [
        ({"footfall_sink_halted": 0}, 200, 0, ["ok"]),
        ({"footfall_sink_halted": 1}, 503, 0, ["fail"]),
        ({"footfall_sink_halted": 1}, 200, 0, ["fail"]),
        ({"footfall_stream_partitions": 12}, 200, 0, ["ok"]),
        ({"footfall_stream_partitions": 0}, 503, 0, ["fail"]),
        ({"footfall_stream_partitions": 12}, 200, 9, ["ok", "warn"]),
    ],
)
def test_a_worker_that_lands_or_counts_nothing_is_never_ok(
    gauges: dict[str, float], status: int, lost: int, expected: list[str]
) -> None:
    assert states(gauges, status, lost) == expected


async def test_workers_are_asked_and_their_reason_is_shown() -> None:
    halted = Probes(
        0,
        live=lambda: Health(True),
        ready=lambda: Health(False, "120 records cannot land"),
        metrics=registry(footfall_sink_halted=1),
    )
    halted.start()
    try:
        stopped, away = await check_workers([f"http://127.0.0.1:{halted.port}/", "http://127.0.0.1:1"])
    finally:
        halted.stop()
    assert stopped.state == away.state == "fail"
    assert "sinks at" in stopped.message
    assert "120 records cannot land" in stopped.message
    assert "does not answer" in away.message


async def test_without_workers_to_ask_it_says_so() -> None:
    (finding,) = await check_workers([])
    assert finding.state == "warn"
    assert "FOOTFALL_PROBE_URLS" in finding.fix
