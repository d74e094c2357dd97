"""Changes that may not be merged are reported: edited schemas and lock lines, ids given twice, breaks."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from avro_schemas.contract import EMPTY, Contract, line
from avro_schemas.contract_check import faults, next_id, unlocked
from avro_schemas.installed import shipped

PUBLISHED = shipped()
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
    grown.lock[PAGE_VIEW][str(NEXT)] = line(grown.schemas["page_view"][NEXT], taken)
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


@pytest.mark.parametrize(
    ("schema_id", "is_own", "says"),
    [
        (10_000, False, "footfall's own are below 10,000"),
        (9_999, True, "those below 10,000 are footfall's"),
        (2**31, True, "is not one of yours"),
    ],
)
def test_an_id_of_the_other_side_is_reported(schema_id: int, is_own: bool, says: str) -> None:
    lock = {PAGE_VIEW: {"1": line(PUBLISHED.schemas["page_view"][1], schema_id)}}
    alone = replace(EMPTY, schemas={"page_view": {1: PUBLISHED.schemas["page_view"][1]}}, lock=lock)
    assert any(says in fault for fault in faults(alone, None, is_own=is_own))


def test_the_first_id_of_a_team_and_of_footfall() -> None:
    assert next_id(EMPTY, is_own=True) == 10_000
    assert next_id(EMPTY) == 1
    assert (
        next_id(replace(EMPTY, lock={"a.B": {"1": line(PUBLISHED.schemas["page_view"][1], 10_004)}}), is_own=True)
        == 10_005
    )


def test_two_versions_with_one_id_are_reported() -> None:
    grown = changed(next_page_view(type=["null", "int"], default=None))
    newest = grown.lock[PAGE_VIEW][str(NEXT - 1)]["id"]
    grown.lock[PAGE_VIEW][str(NEXT)] = line(grown.schemas["page_view"][NEXT], newest)
    assert any(f"the id {newest} is that of {PAGE_VIEW}" in fault for fault in faults(grown, None))


def test_a_field_has_one_type_over_all_event_types() -> None:
    def another_type(contract: Contract) -> None:
        for definition in contract.schemas["button_click"].values():
            definition["fields"][-1]["type"]["fields"][0]["name"] = "value"

    found = [fault for fault in faults(changed(another_type), None) if "one type over all event types" in fault]
    assert any("value is double, and string in button_click.v1" in fault for fault in found)
