"""A team's own contract is merged with the shipped one, or refused with a sentence where they clash."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from avro_schemas.contract import EMPTY, Contract, Field, line, merge, subject_of
from avro_schemas.contract_check import own_faults
from avro_schemas.installed import shipped

Edit = Callable[[dict[str, Any]], object]
PAGE_VIEW = shipped().schemas["page_view"][max(shipped().schemas["page_view"])]
PROPERTIES = PAGE_VIEW["fields"][-1]["type"]["fields"][-1]
PLAN: Field = {"name": "plan", "type": "string", "doc": "The plan."}
SEATS: Field = {"name": "seats", "type": ["null", "int"], "default": None, "doc": "Seats."}


def definition(record: str, *fields: Field) -> dict[str, Any]:
    """The schema of an event type with these fields of its own."""
    made = copy.deepcopy(PAGE_VIEW) | {"name": record, "namespace": "shop", "doc": "Somebody did something."}
    made["fields"][-1]["type"] |= {"name": f"{record}Data", "fields": [*copy.deepcopy(fields), PROPERTIES]}
    return made


def contract(
    versions: Mapping[int, dict[str, Any]],
    name: str = "signup",
    data: Any = None,
    first_id: int = 10_000,
    custom: Mapping[str, str] | None = None,
) -> Contract:
    """A contract with one event type, its example and its lines in the lock file."""
    lock: dict[str, dict[str, Any]] = {}
    for number, each in versions.items():
        lock.setdefault(subject_of(each), {})[str(number)] = line(each, first_id + number - 1)
    example = json.dumps({"event_type": name, "event_data": {"plan": "a"} if data is None else data})
    return Contract({name: versions}, [], lock, custom or {}, {f"{name}.v{max(versions)}": example})


SIGNUP = definition("Signup", PLAN, SEATS)


def faults(own: Contract, published: Contract | None = None) -> str:
    return "\n".join(own_faults(own, shipped(), published))


def test_a_contract_that_clashes_with_nothing_is_merged() -> None:
    own = contract({1: SIGNUP}, custom={"newsletter": "Somebody subscribed."})
    assert faults(own) == ""
    merged = merge(shipped(), own)
    assert merged.schemas.keys() == {*shipped().schemas, "signup"}
    assert merged.head == shipped().head
    assert merged.lock["shop.Signup"]["1"]["id"] == 10_000
    assert merged.lock.keys() > shipped().lock.keys()
    assert merged.custom_events.keys() == {*shipped().custom_events, "newsletter"}
    assert json.loads(merged.examples["signup.v1"])["event_type"] == "signup"


def test_only_custom_events_are_a_contract_too() -> None:
    assert faults(replace(EMPTY, custom_events={"newsletter": "Somebody subscribed."})) == ""


@pytest.mark.parametrize(
    ("own", "says"),
    [
        (contract({1: SIGNUP}, "page_view"), 'page_view: there is an event type "page_view" already'),
        (contract({1: SIGNUP}, "click"), 'click: there is an event type "click" already'),
        (contract({1: SIGNUP}, "custom"), 'there is an event type "custom" already'),
        (contract({1: SIGNUP}, custom={"scroll": "Again."}), 'there is an event type "scroll" already'),
        (contract({1: SIGNUP}, custom={"web_vital": "Again."}), 'there is an event type "web_vital" already'),
        (contract({1: SIGNUP}, custom={"signup": "Again."}), "it has a schema and is in custom_events.yaml too"),
        (contract({1: SIGNUP}, "device"), "its view in Postgres would be devices"),
        (contract({1: SIGNUP}, "landed"), "its view in Postgres would be landed"),
        (contract({1: SIGNUP}, "page_views"), "would be page_views, and that is the view of page_view"),
        (contract({1: SIGNUP}, custom={"signups": "Again."}), "would be signups, and that is the view of signup"),
        (contract({1: SIGNUP}, "rejected"), "its topic would be events-rejected"),
        (contract({1: SIGNUP}, "a" * 61), "59 at most"),
        (contract({1: SIGNUP}, "sign__up"), "single underscores"),
        (contract({1: SIGNUP}, first_id=2_001), "those below 10,000 are footfall's"),
        (contract({1: SIGNUP | {"namespace": "footfall", "name": "PageView"}}), "footfall.PageView is a subject"),
        (contract({1: SIGNUP | {"name": "Custom"}}), "custom has a record Custom already"),
        (contract({1: SIGNUP | {"name": "Events"}}), "has a record Events already"),
        (contract({1: SIGNUP}, data={}), "plan is missing in event_data"),
        (contract({1: SIGNUP}, data={"plan": 1}), "plan must be string"),
        (contract({1: SIGNUP}, data={"plan": "a", "seats": True}), "seats must be int"),
        (contract({1: SIGNUP}, data={"plan": "a", "seat": 1}), "event_data has no field seat"),
        (replace(contract({1: SIGNUP}), examples={}), "examples/signup.v1.json is missing"),
        (replace(contract({1: SIGNUP}), examples={"signup.v1": "{"}), "examples/signup.v1.json is not JSON"),
        (
            replace(contract({1: SIGNUP}), examples={"signup.v1": "[]"}),
            'must be an object with "event_type": "signup"',
        ),
        (replace(contract({1: SIGNUP}), head=[PLAN]), "schemas/_head.json is not that of this footfall"),
        (replace(EMPTY, lock=contract({1: SIGNUP}).lock), "its schema is not there"),
        (contract({1: SIGNUP, 3: SIGNUP}), "must count up from 1"),
    ],
)
def test_a_clash_is_refused_with_a_sentence(own: Contract, says: str) -> None:
    assert says in faults(own)


def edited(edit: Edit) -> Contract:
    made = copy.deepcopy(SIGNUP)
    edit(made)
    return contract({1: made})


def data_of(made: dict[str, Any]) -> list[Field]:
    fields: list[Field] = made["fields"][-1]["type"]["fields"]
    return fields


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda made: made["fields"].pop(0), "the fields before event_data must be those of footfall's events"),
        (lambda made: made["fields"].pop(), "only event types can be added"),
        (lambda made: made["fields"][0].update(type="strng"), "not a valid Avro schema"),
        (lambda made: data_of(made).pop(), 'the last field of event_data must be "properties"'),
        (
            lambda made: made["fields"][-1].update(type="string"),
            'the last field of event_data must be "properties"',
        ),
        (lambda made: data_of(made)[0].update(type="bytes"), "plan must be string, int"),
        (lambda made: data_of(made)[1].update(type=["null", "int", "string"]), "seats must be string, int"),
        (lambda made: data_of(made)[0].update(name="user_agent"), "user_agent cannot name a field"),
        (lambda made: data_of(made)[0].update(name="page", type="int"), "page is int, and string in"),
        (lambda made: data_of(made)[0].pop("doc"), "plan has no doc"),
    ],
)
def test_a_schema_that_readers_could_not_bear_is_refused(edit: Edit, says: str) -> None:
    assert says in faults(edited(edit))


def test_an_incompatible_version_is_refused() -> None:
    grown = contract({1: SIGNUP, 2: definition("Signup", PLAN, SEATS, PLAN | {"name": "coupon"})})
    assert "Subscribers that read with version 1" in faults(grown) or "Readers with version 2" in faults(grown)


def test_an_edit_of_what_is_published_is_refused() -> None:
    published = contract({1: SIGNUP})
    assert faults(published, published) == ""
    edited_one = replace(published, schemas={"signup": {1: definition("Signup", PLAN)}})
    assert "signup.v1 is published and was edited" in faults(edited_one, published)
    assert "signup.v1.avsc was removed" in faults(EMPTY, published)


def test_a_version_with_an_older_head_of_footfall_stays() -> None:
    """A team's version 1 has the head of that time; only the newest must have today's."""
    field = {"name": "altitude", "type": ["null", "int"], "default": None, "doc": "Altitude."}
    newer = replace(
        shipped(),
        head=[*shipped().head, field],
        schemas=shipped().schemas
        | {
            "page_view": {
                1: PAGE_VIEW,
                2: PAGE_VIEW | {"fields": [*shipped().head, field, PAGE_VIEW["fields"][-1]]},
            }
        },
    )
    assert any("signup.v1" in fault for fault in own_faults(contract({1: SIGNUP}), newer))
    second = SIGNUP | {"fields": [*newer.head, SIGNUP["fields"][-1]]}
    assert own_faults(contract({1: SIGNUP, 2: second}), newer) == []
