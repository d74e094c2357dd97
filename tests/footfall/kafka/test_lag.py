"""The position of the stream app is read from its changelog, in the format in which the stream app writes it."""

from types import SimpleNamespace
from typing import Any

import pytest

from footfall.kafka.lag import Lag, position_of_state
from stream_app.engine.changelog import changelog_key, fenced
from stream_app.state.snapshot import CONTROL


def written(key: str, position: int) -> Any:
    return SimpleNamespace(key=changelog_key(7, key), value=fenced((3, position), b"{}"))


@pytest.mark.parametrize(
    ("records", "position"),
    [
        pytest.param([written("r|3|12", 40), written(CONTROL, 40)], 40, id="a complete checkpoint"),
        pytest.param([written(CONTROL, 40), written("r|3|12", 55)], 40, id="a torn one behind it"),
        pytest.param([written(CONTROL, 40), SimpleNamespace(key=None, value=b"?")], 40, id="a foreign record"),
        pytest.param([SimpleNamespace(key=b"7|c", value=b"short")], None, id="a foreign value"),
        pytest.param([written("r|3|12", 55)], None, id="no complete checkpoint"),
    ],
)
def test_the_newest_complete_checkpoint_says_how_far_the_state_is(
    records: list[Any], position: int | None
) -> None:
    assert position_of_state(records) == position


def test_a_reader_is_never_behind_by_less_than_nothing() -> None:
    assert Lag("sinks", 0, 12, 10).records == 0
    assert Lag("sinks", 0, None, 10).records == 10
