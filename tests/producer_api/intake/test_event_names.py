"""Unknown names: refused or accepted, with a hint, and bounded for each sender and in memory."""

import pytest

from avro_schemas.event_types import event_type_names
from producer_api.intake import event_names
from producer_api.intake.event_names import EventNames, hint

NOON, DAY = 1_800_000_000_000, 86_400_000


def codes(names: EventNames, *event_types: str, sender: str = "one", now: int = NOON) -> list[str | None]:
    faults = [names.fault(event_type, sender, now) for event_type in event_types]
    return [fault and fault.code for fault in faults]


def test_without_the_setting_only_the_catalogue_is_accepted() -> None:
    assert codes(EventNames(), *event_type_names()) == [None] * len(event_type_names())
    fault = EventNames().fault("page_veiw", "one", NOON)
    assert fault is not None
    assert (fault.code, fault.expected) == ("event_type_unknown", 'did you mean "page_view"?')


@pytest.mark.parametrize("name", ["", "two words", "x" * 101, "*", "a\0b", "naïve", "a\n"])
def test_a_name_of_another_form_is_never_accepted(name: str) -> None:
    assert codes(EventNames(accepts_unknown=True), name) == ["event_type_unknown"]


def test_a_sender_has_so_many_unknown_names_per_day_and_any_number_of_events() -> None:
    names = EventNames(accepts_unknown=True, max_unknown=2)
    assert codes(names, "a", "b", "a", "c", "click", "b") == [None, None, None, "too_many_event_types", None, None]
    assert codes(names, "c", sender="another") == [None]
    assert codes(names, "c", now=NOON + DAY) == [None]


def test_memory_is_bounded_whoever_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_names, "_MAX_REMEMBERED", 50)
    names = EventNames(accepts_unknown=True, max_unknown=2)
    for number in range(1_000):
        assert codes(names, f"name_{number}", sender=f"sender {number}") == [None]
    assert sum(len(used) for used in names._used.values()) <= 50


def test_a_hint_names_what_may_be_meant() -> None:
    assert hint("page_veiw") == '"page_veiw" is not in the catalogue; did you mean "page_view"?'
    assert hint("zzzz") == '"zzzz" is not in the catalogue; it is recorded as a custom event.'
    assert 'such as "add_item_to_cart"' in hint("addItem.to:Cart")
    assert hint("page_view") == hint("feature_used") == ""
