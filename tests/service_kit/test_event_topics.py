"""Which event types can have a topic of their own."""

import pytest

from service_kit.event_topics import EventTopicsSettings
from service_kit.settings import SettingsError, load


def event_topics(text: str) -> tuple[str, ...]:
    return load(EventTopicsSettings, {"FOOTFALL_EVENT_TOPICS": text}).event_topics


def test_types_are_separated_by_commas() -> None:
    assert event_topics("page_view, shop.order-paid") == ("page_view", "shop.order-paid")
    assert event_topics("") == ()


@pytest.mark.parametrize("wrong", ["page view", "page_view;click", "shop:order", "x" * 101, "événement"])
def test_a_type_that_kafka_cannot_have_in_the_name_of_a_topic_is_an_error(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"FOOTFALL_EVENT_TOPICS must be event types of letters"):
        event_topics(f"click,{wrong}")


def test_no_type_takes_the_topic_of_rejected_events() -> None:
    with pytest.raises(SettingsError, match="events-rejected has the rejected events"):
        event_topics("click,rejected")
