"""Consumer groups are declared once, in the topic descriptions; Faust derives names from its own."""

from avro_schemas.topic import EVENTS, STREAM_STATE, all_topics, named
from service_kit.kafka.settings import KafkaSettings
from stream_app.app import TABLE, build_app
from stream_app.settings import Settings


def test_the_services_that_work_on_events_have_a_consumer_group_each() -> None:
    groups = named(EVENTS).consumer_groups
    assert groups.keys() == {"stream_app", "sinks"}
    assert len(set(groups.values())) == len(groups)


def test_a_service_has_one_consumer_group_for_all_topics() -> None:
    declared = {
        (service, group) for topic in all_topics().values() for service, group in topic.consumer_groups.items()
    }
    assert len(declared) == len({service for service, _group in declared})


def test_faust_takes_the_group_for_its_app_id_and_the_changelog_is_named_after_it() -> None:
    group = named(EVENTS).consumer_groups["stream_app"]
    app = build_app(Settings(kafka=KafkaSettings(kafka_bootstrap="localhost:9092", topic_prefix="team.")))
    assert app.conf.id == f"team.{group}"
    assert f"{group}-{TABLE}-changelog" == STREAM_STATE
    assert app.tables[TABLE].changelog_topic.topics == (f"team.{STREAM_STATE}",)
