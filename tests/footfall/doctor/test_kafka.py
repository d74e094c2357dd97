"""What `footfall doctor` finds in Kafka clusters."""

import pytest

from footfall.doctor.kafka import (
    check_clocks,
    check_lag,
    check_members,
    check_replicas,
    check_version,
    topic_findings,
)
from footfall.kafka.lag import Lag
from footfall.kafka.topics import TopicReport
from service_kit.kafka.group_members import Member
from service_kit.kafka.topic_description import ExistingTopic

HEALTHY = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}


def states(findings: object) -> list[str]:
    return [finding.state for finding in findings]  # type: ignore[attr-defined] # an iterator of findings


@pytest.mark.parametrize(("fetch", "state"), [((0, 17), "warn"), ((4, 17), "ok"), ((4, 18), "ok")])
def test_the_brokers_version_follows_from_the_requests_that_they_no_longer_support(
    fetch: tuple[int, int], state: str
) -> None:
    assert states(check_version({1: fetch})) == [state]


@pytest.mark.parametrize(("replicas", "config", "expected"), [
    (3, HEALTHY, []),
    (1, HEALTHY, ["fail", "warn"]),
    (3, HEALTHY | {"min.insync.replicas": "1"}, ["fail"]),
    (3, HEALTHY | {"min.insync.replicas": "3"}, ["warn"]),
    (3, HEALTHY | {"unclean.leader.election.enable": "true"}, ["fail"]),
])  # fmt: skip
def test_topics_on_three_brokers_survive_the_loss_of_one(
    replicas: int, config: dict[str, str], expected: list[str]
) -> None:
    assert states(check_replicas(3, {"events": ExistingTopic(12, replicas, config)})) == expected


def test_one_broker_is_fine_for_development_and_two_are_no_improvement() -> None:
    assert states(check_replicas(1, {})) == ["ok"]
    assert states(check_replicas(2, {})) == ["warn"]


def test_a_topic_that_services_cannot_work_with_fails_and_other_differences_are_a_warning() -> None:
    report = TopicReport("events", "faulty", ("it is wrong",), ("segment.ms: 1 instead of 2",), ("a = b",), "no x")
    wrong, different, unknown = topic_findings(report)
    assert (wrong.state, wrong.message) == ("fail", "it is wrong")
    assert wrong.fix == "run `footfall topics`, which sets a = b"
    assert different.state == unknown.state == "warn"
    (missing,) = topic_findings(TopicReport("events", "missing"))
    assert missing.state == "fail"


def test_replicas_are_not_judged_where_the_configuration_is_not_shown() -> None:
    assert states(check_replicas(3, {"events": ExistingTopic(12, 3, None)})) == []


def test_a_reader_that_never_read_or_is_far_behind_is_reported() -> None:
    assert states(check_lag([Lag("sinks", 0, None, 9)])) == ["fail"]
    assert states(check_lag([Lag("sinks", 0, 10, 1_000_010), Lag("stream app", 0, 5, 5)])) == ["warn", "ok"]
    assert states(check_lag([Lag("sinks", 0, None, 0)])) == ["ok"]
    (added,) = check_lag([Lag("sinks", 0, 7, 7), Lag("sinks", 1, None, 3)])
    assert added.message == "sinks: 1 of 2 partitions are not read"


def test_a_reader_that_stands_still_is_reported_however_little_it_is_behind() -> None:
    before = [Lag("sinks", 0, 10, 60), Lag("sinks", 1, 7, 7), Lag("stream app", 0, 10, 60)]
    later = [Lag("sinks", 0, 10, 90), Lag("sinks", 1, 7, 8), Lag("stream app", 0, 60, 90)]
    stuck, moving = check_lag(before, later)
    assert (stuck.state, stuck.message) == ("fail", "sinks: stands still, 50 records behind in 1 of 2 partitions")
    assert (moving.state, moving.message) == ("ok", "stream app: 50 records behind")


def test_strangers_in_our_groups_are_reported() -> None:
    ours, guest = Member("footfall-sinks", "10.0.0.1", (0,)), Member("rdkafka", "10.0.0.9", (1,))
    assert states(check_members({"footfall-sinks": [ours]})) == []
    (finding,) = check_members({"footfall-sinks": [ours, guest]})
    assert (finding.state, "rdkafka at 10.0.0.9" in finding.message) == ("fail", True)


def test_clocks_of_brokers_and_collectors_are_compared() -> None:
    assert states(check_clocks([12, 40, 90_000])) == ["ok"]
    assert states(check_clocks([-60_000, -61_000])) == ["warn"]
    assert states(check_clocks([])) == []
