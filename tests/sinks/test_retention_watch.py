"""The sinks say when events will be deleted before they land."""

import pytest

from service_kit.kafka.topic_description import ExistingTopic
from sinks.retention_watch import RetentionWatch

HOUR = 3600.0


@pytest.mark.parametrize(("retention_ms", "lag_seconds", "says"), [
    ("14400000", 1.9 * HOUR, None),
    ("14400000", 3 * HOUR, "landing is 3.0 h behind, and Kafka deletes events after 4.0 h: raise retention.ms of"
     " events until it has caught up"),
    ("-1", 9_000 * HOUR, None),
    (None, 9_000 * HOUR, None),
])  # fmt: skip
def test_a_lag_of_more_than_half_of_the_retention_is_said(
    retention_ms: str | None, lag_seconds: float, says: str | None
) -> None:
    watch = RetentionWatch(lambda: lag_seconds)
    assert watch.reason() is None
    watch.note({"events": ExistingTopic(1, 1, {"retention.ms": retention_ms} if retention_ms else None)})
    assert watch.reason() == says


def test_what_brokers_do_not_report_is_not_judged() -> None:
    watch = RetentionWatch(lambda: 10 * HOUR)
    watch.note({"events": ExistingTopic(1, 1, {"retention.ms": "3600000"})})
    assert watch.reason()
    watch.note({})
    assert watch.reason() is None
