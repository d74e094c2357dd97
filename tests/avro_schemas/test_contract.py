"""The files of a contract are read in both layouts, and everything that cannot be read is named."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from avro_schemas.contract import FOLDER, UnusableContract, parse, read
from avro_schemas.installed import shipped

SCHEMA = '{"type": "record", "name": "A", "namespace": "n", "fields": [{"name": "x", "type": "int"}]}'


def faults(texts: Mapping[str, str]) -> list[str]:
    with pytest.raises(UnusableContract) as error:
        parse(texts)
    return list(error.value.args)


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (
            {"schemas/signup.avsc": SCHEMA},
            "schemas/signup.avsc is not a file of a contract: there are schemas/NAME",
        ),
        ({"schemas/signup.v1.json": "{}"}, "schemas/signup.v1.json is not a file of a contract"),
        ({"examples/signup.json": "{}"}, "examples/signup.json is not a file of a contract"),
        ({"custom_events.yml": "a: B."}, "custom_events.yml is not a file of a contract"),
        ({"signup.v1.avsc": "{"}, "signup.v1.avsc is not JSON"),
        ({"signup.v1.avsc": "[]"}, "signup.v1.avsc is not the schema of a record"),
        ({"signup.v1.avsc": '{"type": "record", "fields": []}'}, "is not the schema of a record"),
        ({"signup.v1.avsc": '{"type": "record", "type": "record"}'}, '"type" is there twice'),
        ({"signup.v1.avsc": SCHEMA, "schemas/signup.v1.avsc": SCHEMA}, "schemas/signup.v1.avsc is there twice"),
        ({"lock.json": "["}, "lock.json is not JSON"),
        ({"lock.json": '{"a.B": {"1": {"id": "10000"}}}'}, "lock.json must hold"),
        ({"lock.json": '{"a.B": {"1": {"id": true}}}'}, "lock.json must hold"),
        ({"lock.json": '{"a.B": {}, "a.B": {}}'}, '"a.B" is there twice'),
        ({"custom_events.yaml": "- a"}, "custom_events.yaml must have a line for each event"),
        ({"custom_events.yaml": "a: ["}, "custom_events.yaml is not YAML"),
        ({"custom_events.yaml": "Sign-up: A."}, "'Sign-up' cannot name an event"),
        ({"custom_events.yaml": "on: A."}, "True cannot name an event"),
        ({"custom_events.yaml": "sign_up:"}, "sign_up has no meaning"),
        ({"custom_events.yaml": "a: B.\na: C."}, "custom_events.yaml: a is there twice"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(texts: Mapping[str, str], says: str) -> None:
    (found,) = faults(texts)
    assert says in found


def test_all_faults_are_reported_together() -> None:
    assert len(faults({"a.v1.avsc": "{", "lock.json": "[", "custom_events.yaml": "- a", "b.avsc": SCHEMA})) == 4


def test_files_side_by_side_are_the_same_contract(tmp_path: Path) -> None:
    for path in (*FOLDER.glob("schemas/*"), *FOLDER.glob("examples/*"), FOLDER / "lock.json"):
        if path.suffix in (".avsc", ".json") and not path.name.startswith("_"):
            (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "README.md").write_text("What we send.")
    (tmp_path / "custom_events.yaml").write_text((FOLDER / "custom_events.yaml").read_text())
    flat, shipped_one = read(tmp_path), shipped()
    assert flat.schemas == shipped_one.schemas
    assert (flat.lock, flat.examples) == (shipped_one.lock, shipped_one.examples)
    assert flat.custom_events == shipped_one.custom_events


def test_a_folder_that_is_not_there_and_a_file_that_is_not_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableContract, match="There is no folder"):
        read(tmp_path / "missing")
    (tmp_path / "lock.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UnusableContract, match=r"lock\.json cannot be read"):
        read(tmp_path)
