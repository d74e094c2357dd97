"""What is accepted can be used at the next start: a name that services would refuse is not written."""

from pathlib import Path

import pytest

from avro_schemas.custom_events_file import NotWritten, read
from avro_schemas.installed import with_own
from dashboard.event_types.catalogue import accept


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("device", "its view in Postgres would be devices"),
        ("clicks", "that is the view of click"),
        ("rejected", "its topic would be events-rejected"),
        ("custom", "there is an event type"),
    ],
)
def test_a_name_that_services_would_refuse_is_not_written(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(NotWritten, match=says):
        accept(tmp_path, name, "Somebody did it.")
    assert list(tmp_path.iterdir()) == []


def test_what_was_accepted_is_a_contract_that_services_take(tmp_path: Path) -> None:
    assert accept(tmp_path, "tea_made", "Somebody made tea.")
    assert not accept(tmp_path, "tea_made", "Again.")
    assert read(tmp_path) == {"tea_made": "Somebody made tea."}
    assert with_own(str(tmp_path)).custom_events["tea_made"] == "Somebody made tea."
