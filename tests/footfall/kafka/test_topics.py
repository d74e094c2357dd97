"""What is reported of topics, and what would be changed of them, without a cluster."""

from collections.abc import Mapping

from footfall.kafka.topic_changes import plan
from footfall.kafka.topics import TopicOptions, TopicReport, as_many_as_events, compare, expected_topics
from service_kit.kafka.topic_description import ExistingTopic

STATE = "footfall-stream-app-state-changelog"
EXPECTED = expected_topics(event_topics=["click"])
DEFAULTS = {"max.message.bytes": "1048588", "min.insync.replicas": "1"}


def as_described(partitions: int = 12) -> dict[str, ExistingTopic]:
    return {name: ExistingTopic(partitions, 1, DEFAULTS | dict(topic.config)) for name, topic in EXPECTED.items()}


def changed(
    existing: Mapping[str, ExistingTopic], name: str, partitions: int | None = None, **config: str
) -> dict[str, ExistingTopic]:
    found = existing[name]
    renamed = {key.replace("_", "."): value for key, value in config.items()}
    return {
        **existing,
        name: ExistingTopic(partitions or found.partitions, 1, {**(found.config or {}), **renamed}),
    }


def report(existing: Mapping[str, ExistingTopic], name: str) -> TopicReport:
    changes = plan(EXPECTED, existing, set())
    return {each.topic: each for each in compare(EXPECTED, existing, changes=changes)}[name]


def changes(existing: Mapping[str, ExistingTopic], *empty: str, partitions: int | None = None) -> list[str]:
    expected = expected_topics(TopicOptions(partitions=partitions), ["click"])
    planned = plan(expected, existing, empty, grow=partitions is not None)
    return [f"{change.topic}: {change}" for change in planned]


def test_topics_as_described_are_reported_so_and_left_alone() -> None:
    # The broker may name the policies in another order.
    existing = changed(as_described(), "live-aggregates", cleanup_policy="delete,compact")
    assert {each.state for each in compare(EXPECTED, existing)} == {"as described"}
    assert changes(existing, *EXPECTED) == []


def test_what_services_rely_on_is_mended_and_what_may_be_on_purpose_is_left() -> None:
    existing = changed(as_described(), "events", message_timestamp_type="CreateTime", retention_ms="3600000")
    found = report(existing, "events")
    assert found.state == "faulty"
    assert found.differences == ("retention.ms: 3600000 instead of 604800000",)
    assert found.changes == ("message.timestamp.type = LogAppendTime",)
    (fault,) = found.faults
    assert "message.timestamp.type of events is CreateTime instead of LogAppendTime" in fault
    assert report(changed(as_described(), "events", segment_ms="1"), "events").state == "differs"
    assert report(changed(as_described(), STATE, cleanup_policy="compact,delete"), STATE).state == "faulty"


def test_a_topic_that_was_made_by_accident_gets_all_that_its_description_says() -> None:
    existing = changed(as_described(), STATE, cleanup_policy="delete", segment_ms="1")
    assert changes(existing) == [f"{STATE}: cleanup.policy = compact"]
    assert changes(existing, STATE) == [f"{STATE}: cleanup.policy = compact, segment.ms = 300000"]
    assert changes(changed(as_described(), STATE, segment_ms="1"), STATE) == []


def test_more_partitions_than_described_are_fine_if_all_of_them_agree() -> None:
    assert {each.state for each in compare(EXPECTED, as_described(18))} == {"as described"}
    existing = changed(as_described(), "events", partitions=18)
    faulty = {each.topic for each in compare(EXPECTED, existing) if each.state == "faulty"}
    assert faulty == {name for name, topic in EXPECTED.items() if topic.co_partitioned} >= {STATE, "events-click"}


def test_partitions_are_added_only_where_nothing_was_ever_written() -> None:
    existing = changed(as_described(), STATE, partitions=1)
    assert changes(existing) == []
    assert changes(existing, STATE) == [f"{STATE}: partitions = 12"]
    # They cannot be removed.
    assert changes(changed(as_described(), STATE, partitions=24), STATE) == []


def test_events_gets_more_partitions_only_if_they_are_asked_for_and_the_others_follow() -> None:
    existing = as_described(1)
    assert changes(existing, *EXPECTED) == []
    asked = changes(existing, *EXPECTED, partitions=6)
    assert sorted(asked) == sorted(f"{name}: partitions = 6" for name in EXPECTED)
    assert "events: partitions = 6" not in changes(existing, STATE, partitions=6)


def test_a_topic_that_is_missing_is_created_with_as_many_partitions_as_events_has_by_then() -> None:
    needed = {
        each.name: each.partitions for each in as_many_as_events(EXPECTED.values(), as_described(18)["events"])
    }
    assert {name for name, partitions in needed.items() if partitions == 18} == {
        "corrections",
        "events-click",
        STATE,
        "live-aggregates",
        "user-rates",
    }
    assert as_many_as_events(EXPECTED.values(), None) == list(EXPECTED.values())
