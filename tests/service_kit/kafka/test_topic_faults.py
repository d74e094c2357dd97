"""Topics are judged by their descriptions, in sentences, and a service that must not work with one is not ready."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.metadata import MetadataRequest, MetadataRequest_v0, MetadataRequest_v5
from hypothesis import given
from hypothesis import strategies as st

from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_creation import forbid_topic_creation
from service_kit.kafka.topic_description import ExistingTopic, find_topics
from service_kit.kafka.topic_faults import TopicFault, judge, unchecked
from service_kit.kafka.topic_watch import TopicWatch
from service_kit.metrics import SHARED


@dataclass(frozen=True)
class Needs:
    name: str = "log"
    partitions: int = 4
    config: Mapping[str, str] = field(default_factory=lambda: {"cleanup.policy": "compact", "segment.ms": "5"})
    required: Mapping[str, str] = field(default_factory=lambda: {"cleanup.policy": "it would lose values"})
    max_record_bytes: int | None = 1_000
    co_partitioned: bool = False


RIGHT = {"cleanup.policy": "compact", "segment.ms": "5", "max.message.bytes": "1100", "min.insync.replicas": "2"}


def found(partitions: int = 4, replicas: int = 3, **config: str) -> ExistingTopic:
    return ExistingTopic(
        partitions, replicas, RIGHT | {key.replace("_", "."): text for key, text in config.items()}
    )


def judged(topic: ExistingTopic, needs: Needs | None = None, *, reference: int = 4) -> list[TopicFault]:
    existing = {"log": topic, "main": ExistingTopic(reference, 1, None)}
    return judge({"log": needs or Needs()}, existing, "main")


@pytest.mark.parametrize(("topic", "sentence"), [
    (found(cleanup_policy="delete"), "cleanup.policy of log is delete instead of compact: it would lose values"),
    (found(cleanup_policy="compact,delete"), "cleanup.policy of log is compact,delete instead of compact: it would"
     " lose values"),
    (found(max_message_bytes="1099"), "max.message.bytes of log is 1099, and a record may need 1100"),
    (found(replicas=1), "log can take nothing: min.insync.replicas is 2, and its replication factor 1; lower the one"
     " or raise the other"),
])  # fmt: skip
def test_a_fault_that_services_must_not_work_with_is_a_sentence(topic: ExistingTopic, sentence: str) -> None:
    (fault,) = judged(topic)
    assert (fault.sentence, fault.vital) == (sentence, True)


def test_a_topic_as_it_must_be_has_no_fault_and_other_settings_are_only_differences() -> None:
    assert judged(found()) == []
    (fault,) = judged(found(segment_ms="6"))
    assert (fault.sentence, fault.vital) == ("segment.ms: 6 instead of 5", False)


def test_partitions_must_agree_where_they_belong_together_and_else_not_be_too_few() -> None:
    together = Needs(co_partitioned=True)
    assert judged(found(6), together, reference=6) == []
    (fault,) = judged(found(4), together, reference=6)
    assert (fault.sentence, fault.vital) == ("log has 4 partitions, but main has 6", True)
    (fault,) = judged(found(8), together, reference=6)
    assert fault.vital
    assert judged(found(9)) == []
    (fault,) = judged(found(3))
    assert (fault.sentence, fault.vital) == ("3 partitions instead of 4", False)


def test_what_the_cluster_does_not_say_is_no_fault_and_is_named() -> None:
    hidden = ExistingTopic(4, 3, None)
    assert judged(hidden) == []
    assert "lacks DescribeConfigs" in unchecked({"log": Needs()}, {"log": hidden})["log"]
    # Redpanda and managed clusters leave out some settings.
    partly = ExistingTopic(4, 3, {"cleanup.policy": "compact"})
    assert judged(partly) == []
    assert unchecked({"log": Needs()}, {"log": partly}) == {"log": "the cluster does not report segment.ms of log"}
    assert unchecked({"log": Needs()}, {"log": found()}) == unchecked({"log": Needs()}, {}) == {}


@given(
    st.dictionaries(st.sampled_from([*RIGHT, "other"]), st.text(max_size=8)), st.integers(0, 9), st.integers(0, 3)
)
def test_nothing_that_a_cluster_reports_is_too_much_for_it(
    config: dict[str, str], partitions: int, replicas: int
) -> None:
    for needs in (Needs(), Needs(co_partitioned=True)):
        for fault in judged(ExistingTopic(partitions, replicas, config), needs):
            assert fault.sentence


def test_a_watch_says_why_a_service_is_not_ready_until_it_is_mended(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    watch = TopicWatch(KafkaSettings(kafka_bootstrap="nowhere:1"), {"log": Needs()}, "")
    assert watch.reason() is None  # nothing is known yet, and a spool takes events without Kafka
    watch.note({})
    assert watch.reason() == "log is missing; `footfall topics` mends what can be mended"
    for _ in range(3):
        watch.note({"log": found(cleanup_policy="delete", segment_ms="6")})
    assert "cleanup.policy of log is delete" in str(watch.reason())
    assert "segment.ms" not in str(watch.reason())
    assert SHARED.get_sample_value("footfall_topic_faults", {"topic": "log"}) == 1
    watch.note({"log": ExistingTopic(4, 3, None)})
    assert watch.reason() is None
    assert SHARED.get_sample_value("footfall_topic_faults", {"topic": "log"}) == 0
    said = [record.getMessage() for record in caplog.records]
    assert len([each for each in said if "cleanup.policy" in each]) == 1
    assert "the topics are as they must be" in said
    assert any("lacks DescribeConfigs" in each for each in said)


def test_a_request_for_metadata_creates_no_topic() -> None:
    forbid_topic_creation()
    assert MetadataRequest(["new"]).build(MetadataRequest_v5).allow_auto_topic_creation is False
    # Brokers before 0.11 do not know the field.
    assert MetadataRequest(["new"]).build(MetadataRequest_v0).topics == ["new"]


class FakeAdmin:
    """Answers as brokers do for topics that exist, are missing, hidden, or were deleted in between."""

    async def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        codes = {"t-missing": 3, "t-new": 5, "t-forbidden": 29}
        partitions = [{"partition": number, "replicas": [1, 2]} for number in range(4)]
        return [
            {
                "topic": name,
                "error_code": codes.get(name, 0),
                "partitions": [] if name == "t-missing" else partitions,
            }
            for name in names
        ]

    async def describe_configs(self, resources: list[Any]) -> list[Any]:
        codes = {"t-hidden": 29, "t-deleted": 3}
        entries = [("segment.ms", "5", False), ("password", None, False)]
        shown = [(codes.get(each.name, 0), "", 2, each.name, entries) for each in resources]
        return [SimpleNamespace(resources=shown)]


async def test_topics_are_described_as_far_as_brokers_answer() -> None:
    kafka = KafkaSettings(kafka_bootstrap="nowhere:1", topic_prefix="t-")
    names = ("log", "missing", "new", "hidden", "deleted")
    there = ExistingTopic(4, 2, {"segment.ms": "5"})
    assert await find_topics(FakeAdmin(), kafka, names) == {
        "log": there,
        "new": there,
        "hidden": ExistingTopic(4, 2, None),
    }
    assert await find_topics(FakeAdmin(), kafka, ["missing"]) == {}
    hidden = (await find_topics(FakeAdmin(), kafka, ["log", "forbidden"]))["forbidden"]
    assert not hidden.is_visible
    (fault,) = judged(hidden, Needs(co_partitioned=True))
    assert (fault.vital, fault.mend) == (True, ())
    assert "may not see log: grant it what `footfall acls` prints" in fault.sentence
    assert unchecked({"log": Needs()}, {"log": hidden}) == {}
