"""What `footfall doctor` finds in the services."""

import pytest

from footfall.doctor.services import check_clock, check_metrics, check_readiness

NOON_DATE = "Mon, 15 Jan 2024 12:00:00 GMT"
NOON_SECONDS = 1_705_320_000.0
HEALTHY = {
    "footfall_collector_kafka_available": 1.0,
    "footfall_collector_cluster_limits_active": 1.0,
    "footfall_collector_spool_events": 0.0,
    "footfall_collector_spool_age_seconds": 0.0,
}


@pytest.mark.parametrize(("more", "part", "state"), [
    ({}, "spool", "ok"),
    ({"footfall_collector_spool_events": 3.0, "footfall_collector_spool_age_seconds": 9.0}, "spool", "warn"),
    ({"footfall_collector_spool_errors_total|damaged": 1.0}, "spool", "fail"),
    ({"footfall_collector_cluster_limits_active": 0.0}, "limits", "warn"),
    ({"footfall_collector_rejected_sessions_total|session_invalid": 2.0}, "sessions", "warn"),
])  # fmt: skip
def test_the_spool_and_the_limits_are_read_from_the_metrics(more: dict[str, float], part: str, state: str) -> None:
    (finding,) = [finding for finding in check_metrics(HEALTHY | more) if finding.part == part]
    assert (finding.state, bool(finding.fix)) == (state, state != "ok")


def test_the_collectors_clock_is_compared() -> None:
    assert [finding.state for finding in check_clock(NOON_DATE, NOON_SECONDS + 1.5)] == ["ok"]
    (ahead,) = check_clock(NOON_DATE, NOON_SECONDS - 60)
    assert (ahead.state, ahead.message) == ("warn", "the collector's clock is 60 s ahead of this machine's")
    assert check_clock(None, NOON_SECONDS) == []


def test_what_services_wait_for_is_in_the_finding() -> None:
    (finding,) = check_readiness(503, '{"status": "waiting for limits"}')
    assert finding.state == "fail"
    assert "limits" in finding.message
