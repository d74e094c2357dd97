"""A topic on a cluster is compared with its description, and the differences are said in words."""

from avro_schemas.topic import all_topics
from footfall.kafka.topics import Found, differences

LIVE = all_topics()["live-aggregates"]


def test_a_topic_as_described_differs_in_nothing() -> None:
    # The broker may name the policies in another order, and adds its own settings.
    config = dict(LIVE.config) | {"cleanup.policy": "delete,compact", "compression.type": "producer"}
    assert differences(LIVE, Found(partitions=12, replication=1, config=config)) == []


def test_every_difference_is_said() -> None:
    config = dict(LIVE.config) | {"cleanup.policy": "delete"}
    del config["retention.ms"]
    assert differences(LIVE, Found(partitions=3, replication=1, config=config)) == [
        "partitions: 3 instead of 12",
        "cleanup.policy: delete instead of compact,delete",
        "retention.ms: not set instead of 604800000",
    ]


def test_added_partitions_are_no_difference_where_they_need_not_be_as_many_as_those_of_events() -> None:
    for name, differs in (("events", []), ("live-aggregates", ["partitions: 18 instead of 12"])):
        topic = all_topics()[name]
        assert differences(topic, Found(partitions=18, replication=1, config=topic.config)) == differs
