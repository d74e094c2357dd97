"""The access rules follow from the topic descriptions and grant nothing else."""

from avro_schemas.topic import all_topics
from footfall.contract.access import SERVICES, SUBSCRIBERS, kafka_acls, rules, strimzi_user


def test_only_the_producers_of_a_topic_may_write_it() -> None:
    writers = {(rule.principal, rule.name) for rule in rules() if "Write" in rule.operations}
    assert writers == {(who, topic.name) for topic in all_topics().values() for who in topic.producers}
    assert not [rule for rule in rules() if rule.principal == SUBSCRIBERS and "Write" in rule.operations]


def test_a_prefix_is_in_front_of_topics_and_groups() -> None:
    assert {rule.name.startswith("stage.") for rule in rules("stage.")} == {True}


def test_both_forms_have_the_same_rules() -> None:
    lines = kafka_acls()
    begins = (
        "--add --allow-principal User:footfall-producer-api --operation Write --operation Describe"
        " --operation DescribeConfigs --topic events "
    )
    assert any(line.startswith(begins) for line in lines)
    users = [strimzi_user(principal) for principal in (*SERVICES, SUBSCRIBERS)]
    granted = sum(len(user["spec"]["authorization"]["acls"]) for user in users)  # type: ignore[index] # JSON
    assert granted == len(lines)


def test_a_topic_on_demand_is_written_by_the_stream_app_and_read_by_subscribers() -> None:
    on_demand = set(rules("", ["click"])) - set(rules())
    assert {(rule.principal, rule.name, rule.operations[0]) for rule in on_demand} == {
        ("stream_app", "events-click", "Write"),
        ("stream_app", "events-click", "Read"),
        (SUBSCRIBERS, "events-click", "Read"),
        ("footfall", "events-click", "Create"),
    }
