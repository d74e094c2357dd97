"""Changes that may not be merged are reported: edited schemas and lock lines, ids given twice, breaks."""

import copy
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avro_schemas.schema import FOLDER
from footfall.contract import files
from footfall.contract.check import faults, next_id, unlocked
from footfall.contract.files import Contract

PUBLISHED = files.read(FOLDER)
PAGE_VIEW = "footfall.PageView"
NEXT = 1 + max(PUBLISHED.schemas["page_view"])

Edit = Callable[[Contract], object]


def changed(edit: Edit) -> Contract:
    contract = copy.deepcopy(PUBLISHED)
    edit(contract)
    return contract


def next_page_view(**field: Any) -> Edit:
    def edit(contract: Contract) -> None:
        versions = contract.schemas["page_view"]
        made = copy.deepcopy(versions[NEXT - 1])
        made["fields"].append({"name": "seats", "doc": "Seats."} | field)
        versions[NEXT] = made  # type: ignore[index] # our own copy

    return edit


def test_the_contract_of_this_checkout_has_no_faults() -> None:
    assert faults(PUBLISHED, PUBLISHED) == []
    assert list(unlocked(PUBLISHED)) == []


def test_a_compatible_new_version_passes_and_has_no_id_yet() -> None:
    grown = changed(next_page_view(type=["null", "int"], default=None))
    assert faults(grown, PUBLISHED) == []
    ((subject, version, _definition),) = unlocked(grown)
    assert (subject, version) == (PAGE_VIEW, NEXT)
    taken = {line["id"] for versions in PUBLISHED.lock.values() for line in versions.values()}
    assert next_id(grown) not in taken


def test_an_incompatible_new_version_says_which_readers_break_and_what_to_do() -> None:
    found = faults(changed(next_page_view(type="int")), PUBLISHED)
    assert any(f"version {NEXT - 1}" in fault for fault in found)
    assert all("Instead: " in fault for fault in found)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda c: c.schemas["page_view"][1].update(doc="Other words."), "published and was edited"),
        (lambda c: c.lock[PAGE_VIEW].pop("1"), "its line in lock.json was edited or removed"),
        (lambda c: c.lock[PAGE_VIEW]["1"].update(id=999), "its line in lock.json was edited or removed"),
        (lambda c: c.schemas.pop("page_view"), "page_view.v1.avsc was removed"),
        (lambda c: c.schemas["page_view"].update({NEXT + 1: c.schemas["page_view"][1]}), "must count up from 1"),
        (lambda c: c.schemas["page_view"][1]["fields"][0].update(type="strng"), "not a valid Avro schema"),
        (lambda c: c.head.pop(), "must be those of schemas/_head.json"),
    ],
    ids=["edited", "unlocked", "another id", "removed", "a gap", "not Avro", "another head"],
)
def test_nothing_that_subscribers_rely_on_may_change(edit: Edit, says: str) -> None:
    assert any(says in fault for fault in faults(changed(edit), PUBLISHED))


def test_an_id_that_two_branches_took_is_reported() -> None:
    taken = PUBLISHED.lock["footfall.ButtonClick"]["1"]["id"]
    grown = changed(next_page_view(type=["null", "int"], default=None))
    grown.lock[PAGE_VIEW][str(NEXT)] = files.line(grown.schemas["page_view"][NEXT], taken)
    assert any(f"the id {taken} belongs to another schema" in fault for fault in faults(grown, PUBLISHED))


def test_an_edit_of_a_published_schema_is_compared_with_the_published_one() -> None:
    """A check of the files alone would see one version and nothing to compare it with."""

    def narrow(contract: Contract) -> None:
        definition = contract.schemas["page_view"][1]
        fields = {field["name"]: field for field in definition["fields"]}
        fields["received_at"]["type"] = "int"

    assert any(
        "the edit would break subscribers as version 2 too" in fault
        for fault in faults(changed(narrow), PUBLISHED)
    )


def test_the_contract_of_a_commit_is_read_from_git(tmp_path: Path) -> None:
    folder = tmp_path / "avro_schemas"
    for name in ("schemas", "lock.json"):
        copied = shutil.copytree if (FOLDER / name).is_dir() else shutil.copy
        folder.mkdir(exist_ok=True)
        copied(FOLDER / name, folder / name)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(tmp_path)]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "as published"]):
        subprocess.run([*git, *command], check=True)
    path = folder / "schemas" / "page_view.v1.avsc"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"doc": "Edited."}))

    published = files.read_at(folder, "main")
    assert published == PUBLISHED
    assert any(
        "page_view.v1 is published and was edited" in fault for fault in faults(files.read(folder), published)
    )
    assert files.read_at(folder, "no-such-branch") is None
