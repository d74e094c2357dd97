"""What `footfall tail` makes of records."""

import pytest
from aiokafka.structs import ConsumerRecord

from footfall.commands import event_type_option
from footfall.commands.tail import _decoded, _printer
from tests.support.events import NOON, encoded, event, user_key

ANN = user_key("ann")


def record(value: bytes) -> ConsumerRecord:
    return ConsumerRecord("events", 3, 7, NOON, 0, None, value, None, -1, len(value), ())


@pytest.mark.parametrize("key", ["user_key", "session_key", "visitor_key"])
def test_an_event_is_shown_with_its_owner_and_the_data_that_was_sent(
    key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    click = event("click", event_data={"element": "nav", "at": [1, {"x": 2}]}) | {key: ANN}
    view = event("page_view", event_data={"page": "/a", "properties": {"ä": 1}})
    show = _printer()
    for each in (click, view):
        show(_decoded(record(encoded(each))))
    first, second = capsys.readouterr().out.splitlines()
    assert first.split(maxsplit=3)[1:] == [
        "click",
        ANN.hex()[:8],
        '{"element": "nav", "at": [1, {"x": 2}]}',
    ]
    assert second.split(maxsplit=3)[1:] == ["page_view", "-", '{"page": "/a", "properties": {"ä": 1}}']


def test_a_text_that_is_not_json_and_a_record_that_is_not_an_event_are_shown_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = encoded(event("click", event_data={"n": 1})).replace(b'{"n":1}', b'{"n":1 ')
    show = _printer()
    show(_decoded(record(broken)))
    show(_decoded(record(b"rubbish")))
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith('"{\\"n\\":1 "')
    assert second.startswith("3:7 cannot be decoded: ")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (None, ""),
        ("page_view", ""),
        ("page_veiw", "The contract has no event type page_veiw: did you mean page_view?\n"),
        ("nope", "The contract has no event type nope: `footfall types list` shows those that it has.\n"),
    ],
)
def test_a_type_that_is_not_in_the_contract_gets_a_hint(
    name: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    event_type_option.hint(name)
    assert capsys.readouterr().err == said
