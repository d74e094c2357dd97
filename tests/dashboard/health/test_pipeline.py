"""The health of the pipeline as the live page shows it."""

from dashboard.health.pipeline import ConsumerLag, PipelineHealth


def test_a_lag_that_grows_is_called_growing_and_disappears_while_kafka_is_unavailable() -> None:
    health = PipelineHealth(has_postgres=False)
    for events in (1_000, 2_000, 3_000):
        health.set_lags([ConsumerLag("sinks", events, 60_000)])
    assert health.consumer_rows()["sinks"] == [3_000, 60_000, "growing"]
    health.set_kafka_unavailable()
    assert health.consumer_rows() == {}
    assert health.facts()["kafka_error"]
