"""A new event type, or a new field of all events, is written completely, or rejected with what to write instead."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from avro_schemas.contract import EMPTY, FOLDER, HEAD, is_event, lines
from avro_schemas.contract_check import faults, own_faults, unlocked
from avro_schemas.installed import shipped
from footfall.contract import add, files
from footfall.contract.add import NewField, Unusable, parse_field

SIGN_UP = [parse_field("plan:string:The plan that was chosen."), parse_field("seats:int?")]
TENANT = NewField("tenant", "string", True, "Tenant of the sender.")
PUBLISHED = shipped()
EVENTS = {name: max(versions) for name, versions in PUBLISHED.schemas.items() if is_event(versions[1])}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The contract of a copied checkout."""
    copy = tmp_path / "avro_schemas"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_a_field_is_read_from_its_short_form() -> None:
    assert SIGN_UP[0] == NewField("plan", "string", False, "The plan that was chosen.")
    assert SIGN_UP[1] == NewField("seats", "int", True, "Seats.")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Plan:string", '"Plan" cannot name a field'),
        ("plan", '"" is not a type of fields'),
        ("plan:text", "There are string, int"),
        ("user_agent:string", "neither user_agent"),
    ],
)
def test_an_unusable_field_is_rejected(text: str, says: str) -> None:
    with pytest.raises(Unusable, match=says):
        parse_field(text)


def test_a_new_event_type_passes_the_check() -> None:
    contract = add.with_event_type(PUBLISHED, "sign_up", "A user signed up.", SIGN_UP, PUBLISHED)
    assert faults(contract, PUBLISHED) == []
    made = contract.schemas["sign_up"][1]
    assert (made["name"], made["doc"]) == ("SignUp", "A user signed up.")
    assert made["fields"][:-1] == PUBLISHED.head
    data = made["fields"][-1]["type"]["fields"]
    assert [(field["name"], field["type"]) for field in data[:2]] == [
        ("plan", "string"),
        ("seats", ["null", "int"]),
    ]
    assert json.loads(contract.examples["sign_up.v1"]) == {
        "event_type": "sign_up",
        "event_data": {"plan": "text", "seats": 1},
    }


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("Sign-Up", SIGN_UP, "lower case letters"),
        ("page_view", SIGN_UP, "already"),
        ("click", SIGN_UP, "already"),
        ("sign_up", [SIGN_UP[0], SIGN_UP[0]], "same name"),
    ],
)
def test_an_unusable_event_type_is_refused(name: str, fields: list[NewField], says: str) -> None:
    with pytest.raises(Unusable, match=says):
        add.with_event_type(EMPTY, name, "About.", fields, PUBLISHED)


def test_a_field_of_all_events_makes_the_next_version_of_each_and_breaks_no_subscriber() -> None:
    contract = add.with_head_field(PUBLISHED, TENANT)
    assert faults(contract, PUBLISHED) == []
    assert contract.head == [*PUBLISHED.head, TENANT.in_avro()]
    made = {name: max(versions) for name, versions in contract.schemas.items() if name in EVENTS}
    assert made == {name: version + 1 for name, version in EVENTS.items()}
    for name, version in made.items():
        before, after = PUBLISHED.schemas[name][version - 1], contract.schemas[name][version]
        assert after["fields"] == [*contract.head, before["fields"][-1]]
        assert {**after, "fields": []} == {**before, "fields": []}
    assert len(list(unlocked(contract))) == len(EVENTS)


def test_published_schemas_and_other_records_stay_as_they_are(folder: Path) -> None:
    before = contents(folder)
    files.write(folder, PUBLISHED, add.with_head_field(PUBLISHED, TENANT))
    after = contents(folder)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    expected = {HEAD}
    for name, version in EVENTS.items():
        expected |= {f"schemas/{name}.v{version + 1}.avsc"}
        expected |= {f"examples/{name}.v{version}.json", f"examples/{name}.v{version + 1}.json"}
    assert changed == expected


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (NewField("page", "string", True, "Again."), "already"),
        (NewField("event_data", "string", True, "Again."), "already"),
        (NewField("altitude", "string", False, "Altitude."), r"write altitude:string\?"),
    ],
)
def test_an_unusable_field_of_all_events_is_refused(field: NewField, says: str) -> None:
    with pytest.raises(Unusable, match=says):
        add.with_head_field(PUBLISHED, field)


OWN = add.locked(add.with_event_type(EMPTY, "sign_up", "A user signed up.", SIGN_UP, PUBLISHED), is_own=True)


def test_the_types_of_a_team_get_ids_from_10000_on() -> None:
    assert own_faults(OWN, PUBLISHED) == []
    assert list(lines(OWN.lock)) == [("footfall.SignUp", "1", 10_000)]


def test_a_field_of_one_event_type_makes_its_next_version() -> None:
    grown = add.locked(add.with_field(OWN, "sign_up", parse_field("coupon:string?")), is_own=True)
    assert own_faults(grown, PUBLISHED, OWN) == []
    assert list(lines(grown.lock)) == [("footfall.SignUp", "1", 10_000), ("footfall.SignUp", "2", 10_001)]
    assert grown.examples.keys() == {"sign_up.v2"}
    fields = [field["name"] for field in grown.schemas["sign_up"][2]["fields"][-1]["type"]["fields"]]
    assert fields == ["plan", "seats", "coupon", "properties"]
    assert OWN.schemas["sign_up"].keys() == {1}


@pytest.mark.parametrize(
    ("name", "field", "says"),
    [
        ("sign_up", "plan:string?", "already"),
        ("sign_up", "coupon:string", "must be optional"),
        ("sign_down", "coupon:string?", 'no event type "sign_down"'),
    ],
)
def test_an_unusable_field_of_one_event_type_is_refused(name: str, field: str, says: str) -> None:
    with pytest.raises(Unusable, match=says):
        add.with_field(OWN, name, parse_field(field))


def test_a_team_gives_its_types_the_head_of_a_newer_footfall() -> None:
    newer = add.locked(add.with_head_field(PUBLISHED, TENANT), is_own=False)
    assert any("`footfall types head`" in fault for fault in own_faults(OWN, newer))
    mended = add.locked(add.with_head(OWN, newer), is_own=True)
    assert own_faults(mended, newer, OWN) == []
    assert list(lines(mended.lock))[-1] == ("footfall.SignUp", "2", 10_001)
    assert add.with_head(mended, newer) == mended


def test_the_writer_of_events_follows_the_new_head(folder: Path) -> None:
    files.write(folder, PUBLISHED, add.locked(add.with_head_field(PUBLISHED, TENANT), is_own=False))
    ran = subprocess.run(
        [sys.executable, "-c", WRITE_AND_READ],
        cwd=folder.parent,
        env=os.environ | {"PYTHONPATH": str(folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == ["acme", None]


WRITE_AND_READ = """
import json
from avro_schemas.wire.codec import decode
from avro_schemas.wire.event_writer import NO_ARRIVAL, write_device, write_event, write_request_parts

request = {"sent_at": None, "received_at": 2, "site": "default", "session_key": "5e" * 16}
device = write_device("Chrome", "Linux", "desktop", None)
tenants = []
for parts in (write_request_parts(**request, tenant="acme"), write_request_parts(**request)):
    value = write_event("click", "evt_1", 1, "ok", parts, device, None, "/page", None, NO_ARRIVAL, {"n": 1})
    _schema, event = decode(value)
    assert (event["session_key"], event["page"]) == ("5e" * 16, "/page")
    assert json.loads(event["event_data"]["properties"]) == {"n": 1}
    tenants.append(event["tenant"])
print(json.dumps(tenants))
"""


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
