"""A topic on a cluster is compared with its description, and each difference is reported in words."""

from avro_schemas.topic import all_topics
from footfall.kafka.topics import ExistingTopic, as_many_as_events, differences, expected_topics

LIVE = all_topics()["live-aggregates"]


def test_a_topic_as_described_has_no_differences() -> None:
    # The broker may name the policies in another order, and adds its own settings.
    config = dict(LIVE.config) | {"cleanup.policy": "delete,compact", "compression.type": "producer"}
    assert differences(LIVE, ExistingTopic(partitions=12, replication_factor=1, config=config)) == []


def test_every_difference_is_reported() -> None:
    config = dict(LIVE.config) | {"cleanup.policy": "delete"}
    del config["retention.ms"]
    assert differences(LIVE, ExistingTopic(partitions=3, replication_factor=1, config=config)) == [
        "partitions: 3 instead of 12",
        "cleanup.policy: delete instead of compact,delete",
        "retention.ms: not set instead of 604800000",
    ]


def test_added_partitions_are_a_difference_only_for_topics_co_partitioned_with_events() -> None:
    for name, differs in (("events", []), ("live-aggregates", ["partitions: 18 instead of 12"])):
        topic = all_topics()[name]
        assert (
            differences(topic, ExistingTopic(partitions=18, replication_factor=1, config=topic.config)) == differs
        )


def test_a_topic_that_is_missing_is_created_with_as_many_partitions_as_events_has_by_then() -> None:
    grown = ExistingTopic(partitions=18, replication_factor=1, config={})
    expected = {topic.name: topic.partitions for topic in as_many_as_events(expected_topics(), {"events": grown})}
    assert {name for name, partitions in expected.items() if partitions == 18} == {
        "corrections",
        "footfall-stream-app-state-changelog",
        "live-aggregates",
        "user-rates",
    }
