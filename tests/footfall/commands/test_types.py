"""`footfall types` with a team's own folder, as in the team's own CI: what it writes, what it refuses, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from avro_schemas.contract import FOLDER, read
from footfall.commands import types_contract
from footfall.commands.types import types

NEW = ["new", "shop_signup", "--about", "A user signed up.", "--field", "plan:string", "--field", "seats:int?"]
GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(types, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A team's folder with one event type."""
    made = run(*NEW, "--into", tmp_path / "contract")
    assert made.exit_code == 0, made.output
    return tmp_path / "contract"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_type_makes_the_folder_with_schema_example_and_id(folder: Path) -> None:
    assert contents(folder).keys() == {"shop_signup.v1.avsc", "shop_signup.v1.json", "lock.json"}
    (line,) = json.loads((folder / "lock.json").read_text())["footfall.ShopSignup"].values()
    assert line["id"] == 10_000
    again = run("new", "shop_left", "--about", "A user left.", "--into", folder)
    assert "footfall.ShopLeft, version 1: id 10001" in again.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["new", "shop_signup", "--about", "Again."], "already"),
        (["new", "page_view", "--about", "Again."], "already"),
        (["new", "device", "--about", "A device."], "not a valid Avro schema: redefined named type"),
        (["new", "shop_view", "--about", "A view.", "--field", "page:int"], "page is int, and string in"),
        (["new", "shop_view", "--about", "A view.", "--field", "page:text"], "is not a type of fields"),
        (["field", "plan:string?", "--to", "shop_signup"], "has a field"),
        (["field", "coupon:string", "--to", "shop_signup"], "must be optional"),
        (["field", "coupon:string?", "--all"], "The fields of all events are footfall's"),
    ],
)
def test_what_is_refused_writes_nothing(folder: Path, arguments: list[str], says: str) -> None:
    before = contents(folder)
    refused = run(*arguments, "--into", folder)
    assert (refused.exit_code, contents(folder)) == (1, before)
    assert says in refused.output


def test_a_field_of_an_own_type_makes_the_next_version(folder: Path) -> None:
    grown = run("field", "coupon:string?:Code.", "--to", "shop_signup", "--into", folder)
    assert grown.exit_code == 0, grown.output
    assert "footfall.ShopSignup, version 2: id 10001" in grown.output
    assert read(folder).schemas["shop_signup"][2]["fields"][-1]["type"]["fields"][2]["doc"] == "Code."
    assert run("field", "coupon:string?", "--into", folder).exit_code == 2
    assert run("head", folder).exit_code == 0


def test_a_version_made_by_hand_gets_its_id_from_lock(folder: Path) -> None:
    schema = folder / "schemas" / "shop_signup.v1.avsc"
    made = json.loads(schema.read_text()) | {"doc": "A user signed up, at last."}
    (folder / "schemas" / "shop_signup.v2.avsc").write_text(json.dumps(made))
    (folder / "examples" / "shop_signup.v1.json").rename(folder / "examples" / "shop_signup.v2.json")
    assert "has no id yet" in run("check", folder, "--against", folder).output
    assert "version 2: id 10001" in run("lock", folder).output
    schema.write_text(json.dumps(made))
    refused = run("lock", folder)
    assert (refused.exit_code, "Published schemas never change" in refused.output) == (1, True)


def test_check_compares_with_the_teams_own_repository(folder: Path) -> None:
    alone = run("check", folder)
    assert (alone.exit_code, "is not in a git repository" in alone.output) == (3, True)
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "as published"]):
        subprocess.run([*GIT, *command], cwd=folder, check=True)
    assert "0 faults, compared with main" in run("check", folder).output
    missing = run("check", folder, "--against", "origin/main")
    assert (missing.exit_code, "There is no branch or commit origin/main" in missing.output) == (3, True)
    (folder / "lock.json").write_text(json.dumps(json.loads((folder / "lock.json").read_text()) | {"a.B": {}}))
    schema = folder / "schemas" / "shop_signup.v1.avsc"
    schema.write_text(schema.read_text().replace('"seats"', '"chairs"'))
    broken = run("check", folder)
    assert broken.exit_code == 1
    assert "shop_signup.v1 is published and was edited" in broken.output


def test_a_folder_that_is_not_published_yet_says_so(folder: Path) -> None:
    subprocess.run([*GIT, "init", "-q", "-b", "main"], cwd=folder.parent, check=True)
    subprocess.run([*GIT, "commit", "-q", "--allow-empty", "-m", "empty"], cwd=folder.parent, check=True)
    first = run("check", folder)
    assert (first.exit_code, "nothing is published at main yet" in first.output) == (0, True)


def test_the_folder_of_the_setting_is_the_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTFALL_CONTRACT", str(folder))
    assert run("check").output.startswith("1 schemas and 0 custom events: 0 faults")
    assert run("new", "shop_left", "--about", "A user left.").exit_code == 0
    assert (folder / "schemas" / "shop_left.v1.avsc").exists()


@pytest.mark.parametrize("into", [[], ["--into", FOLDER], ["--into", FOLDER / "more"]])
def test_nothing_is_written_where_footfall_is_installed(into: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(types_contract, "_is_checkout", lambda: False)
    before = contents(FOLDER)
    refused = run(*NEW, *into)
    assert (refused.exit_code, contents(FOLDER)) == (2, before)
    assert "--into DIR" in refused.output
    assert "FOOTFALL_CONTRACT" in refused.output


def test_a_missing_folder_and_an_unreadable_one_are_refused(folder: Path) -> None:
    assert run("check", folder / "nope").exit_code == 2
    (folder / "lock.json").write_text("[")
    unreadable = run("check", folder)
    assert (unreadable.exit_code, "lock.json is not JSON" in unreadable.output) == (1, True)


def footfall(contract: Path, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        env=os.environ | {"FOOTFALL_CONTRACT": str(contract)} | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def test_types_in_other_languages_have_the_own_types(folder: Path, tmp_path: Path) -> None:
    (folder / "custom_events.yaml").write_text("newsletter: Somebody subscribed.\n")
    assert "newsletter" in footfall(folder, "footfall", "types", "list").stdout
    declared = footfall(folder, "footfall", "types", "typescript").stdout
    assert '"shop_signup"' in declared
    assert "export type Event = PageView" in declared
    added = footfall(folder, "footfall", "types", "typescript", "--sdk").stdout
    assert '    shop_signup: ShopSignup["event_data"];\n    newsletter: Properties;\n' in added
    assert "PageView" not in added
    written = footfall(folder, "footfall", "types", "python", "--into", tmp_path / "new" / "models.py")
    assert written.returncode == 0, written.stderr
    assert "class ShopSignup(EventHead)" in (tmp_path / "new" / "models.py").read_text()


@pytest.mark.parametrize(
    ("program", "others"),
    [
        (["producer_api"], ["FOOTFALL_KAFKA_BOOTSTRAP is not set", "FOOTFALL_HASH_KEY is not set"]),
        (["stream_app"], ["FOOTFALL_KAFKA_BOOTSTRAP is not set"]),
        (["sinks"], ["FOOTFALL_POSTGRES_DSN is not set"]),
        (["sinks", "migrate"], ["FOOTFALL_POSTGRES_DSN is not set"]),
        (["sinks", "maintain"], ["FOOTFALL_POSTGRES_DSN is not set"]),
        (["dashboard"], ["FOOTFALL_KAFKA_BOOTSTRAP is not set"]),
        (["registry"], ["FOOTFALL_LOG_LEVEL must be one of"]),
        (["footfall.jobs.topics"], ["FOOTFALL_KAFKA_BOOTSTRAP is not set"]),
        (["footfall", "up"], ["FOOTFALL_PORT must be a whole number"]),
        (["footfall", "tail"], []),
        (["footfall", "types", "list"], []),
    ],
    ids=" ".join,
)
def test_a_contract_that_clashes_is_refused_with_all_other_wrong_settings(
    folder: Path, program: list[str], others: list[str]
) -> None:
    (folder / "custom_events.yaml").write_text("click: A click.\n")
    wrong = {"FOOTFALL_LOG_LEVEL": "loud"} if program == ["registry"] else {}
    wrong |= {"FOOTFALL_PORT": "x"} if program == ["footfall", "up"] else {}
    refused = footfall(folder, *program, **wrong)
    assert refused.returncode == 2
    said = refused.stderr + refused.stdout
    for sentence in ['FOOTFALL_CONTRACT: click: there is an event type "click" already', *others]:
        assert sentence in said
    assert "Traceback" not in said
