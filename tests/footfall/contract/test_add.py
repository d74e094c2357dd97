"""A new event type is written whole, with every field's doc, or refused with what to write instead."""

import json
import shutil
from pathlib import Path

import pytest

from avro_schemas.schema import FOLDER
from footfall.contract import files
from footfall.contract.add import NewField, Unusable, add, parse_field
from footfall.contract.check import faults

SIGNUP = [parse_field("plan:string:The plan that was chosen."), parse_field("seats:int?")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("schemas", "examples", "topics"):
        shutil.copytree(FOLDER / name, tmp_path / name)
    shutil.copy(FOLDER / "lock.json", tmp_path)
    return tmp_path


def test_a_field_is_read_from_its_short_form() -> None:
    assert SIGNUP[0] == NewField("plan", "string", False, "The plan that was chosen.")
    assert SIGNUP[1] == NewField("seats", "int", True, "Seats.")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Plan:string", '"Plan" cannot name a field'),
        ("plan", '"" is no kind of value'),
        ("plan:text", "there are string, int"),
        ("user_agent:string", "not user_agent"),
    ],
)
def test_a_field_that_cannot_be_is_refused(text: str, says: str) -> None:
    with pytest.raises(Unusable, match=says):
        parse_field(text)


def test_a_new_type_passes_the_check_and_stands_in_its_topic(folder: Path) -> None:
    written = add(folder, "sign_up", "A user signed up.", SIGNUP, ["page_view"])
    assert [path.name for path in written] == ["sign_up.v1.avsc", "sign_up.v1.json", "events.yaml"]
    contract = files.read(folder)
    assert faults(contract, files.read(FOLDER)) == []
    made = contract.schemas["sign_up"][1]
    assert (made["name"], made["doc"]) == ("SignUp", "A user signed up.")
    data = made["fields"][-1]["type"]["fields"]
    assert [(field["name"], field["type"]) for field in data[:2]] == [
        ("plan", "string"),
        ("seats", ["null", "int"]),
    ]
    example = json.loads((folder / "examples" / "sign_up.v1.json").read_text())
    assert example == {"event_type": "sign_up", "event_data": {"plan": "text", "seats": 1}}
    assert ", sign_up, custom]" in (folder / "topics" / "events.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("Sign-Up", SIGNUP, "lower case letters"),
        ("page_view", SIGNUP, "already"),
        ("sign_up", [SIGNUP[0], SIGNUP[0]], "same name"),
    ],
)
def test_what_cannot_be_made_writes_nothing(folder: Path, name: str, fields: list[NewField], says: str) -> None:
    before = sorted(folder.rglob("*"))
    with pytest.raises(Unusable, match=says):
        add(folder, name, "About.", fields, ["page_view"])
    assert sorted(folder.rglob("*")) == before
