"""A team's own event types, from an installed package: one folder, and everything from HTTP to Postgres knows them.

No file of footfall is touched: the package is installed where nothing may be written, and the stack runs from it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import running
from tests.system.stack import Stack, until

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
NEW = [
    "new",
    "shop_signup",
    "--about",
    "A user signed up.",
    "--field",
    "plan:string:The plan.",
    "--field",
    "seats:int?",
]
SIGNUP = {"event_type": "shop_signup", "event_data": {"plan": "team", "seats": 3}}
NEWSLETTER = {"event_type": "shop_newsletter", "event_data": {"list": "weekly"}}

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """footfall as the wheel installs it, outside of this checkout."""
    folder = tmp_path_factory.mktemp("package")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", folder / "wheel", ROOT], check=True)
    (wheel,) = (folder / "wheel").glob("*.whl")
    target = folder / "site-packages"
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", sys.executable, "--no-deps", "--target", target, wheel],
        check=True,
    )
    return target


@pytest.fixture(scope="module")
def team(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A team's repository: a type with fields, made by a command, and a custom event, one line."""
    repository = tmp_path_factory.mktemp("team")
    made = types(package, repository, *NEW, "--into", "contract")
    assert made.returncode == 0, made.stderr
    (repository / "contract" / "custom_events.yaml").write_text("shop_newsletter: Somebody subscribed.\n")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "as published"]):
        subprocess.run([*GIT, *command], cwd=repository, check=True)
    return repository


@pytest.fixture(scope="module")
def team_stack(package: Path, team: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"FOOTFALL_CONTRACT": str(team / "contract"), "PYTHONPATH": str(package)}
    yield from running(tmp_path_factory.mktemp("own") / "data", team, settings)


def types(package: Path, folder: Path, *arguments: str, contract: str = "") -> subprocess.CompletedProcess[str]:
    """`footfall types` of the package, run in a folder."""
    environ = os.environ | {"PYTHONPATH": str(package)} | ({"FOOTFALL_CONTRACT": contract} if contract else {})
    command = [sys.executable, "-m", "footfall", "types", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_the_package_itself_is_never_written_to(package: Path, team: Path) -> None:
    before = sorted(package.rglob("*.avsc"))
    for into in ([], ["--into", str(package / "avro_schemas")]):
        refused = types(package, team, *NEW, *into)
        assert refused.returncode == 2
        assert "--into DIR" in refused.stderr
    assert sorted(package.rglob("*.avsc")) == before


def test_the_teams_ci_compares_with_its_own_branch_and_refuses_what_breaks(
    package: Path, team: Path, tmp_path: Path
) -> None:
    copied = shutil.copytree(team, tmp_path / "team")
    assert "0 faults, compared with main" in types(package, copied, "check", "contract").stdout
    grown = types(package, copied, "field", "coupon:string?", "--to", "shop_signup", "--into", "contract")
    assert "footfall.ShopSignup, version 2: id 10001" in grown.stdout
    assert types(package, copied, "check", "contract").returncode == 0

    schema = copied / "contract" / "schemas" / "shop_signup.v2.avsc"
    made = json.loads(schema.read_text())
    made["fields"][-1]["type"]["fields"][0]["type"] = "int"
    schema.write_text(json.dumps(made))
    refused = types(package, copied, "check", "contract")
    assert refused.returncode == 1
    assert "would break on" in refused.stdout
    assert "plan is int, and string in shop_signup.v1" in refused.stdout

    lock = copied / "contract" / "lock.json"
    lock.write_text(lock.read_text().replace('"id": 10001', '"id": 10000'))
    assert (
        "the id 10000 is that of footfall.ShopSignup, version 1"
        in types(package, copied, "check", "contract").stdout
    )


def test_the_stack_refuses_a_contract_that_clashes(package: Path, team: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(team / "contract", tmp_path / "contract")
    lock = copied / "lock.json"
    lock.write_text(lock.read_text().replace('"id": 10000', '"id": 1001'))
    environ = os.environ | {
        "PYTHONPATH": str(package),
        "FOOTFALL_CONTRACT": str(copied),
        "FOOTFALL_DATA_DIR": str(tmp_path / "data"),
        "FOOTFALL_PORT": "not a port",
    }
    command = [sys.executable, "-m", "footfall", "up"]
    refused = subprocess.run(command, cwd=team, env=environ, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "FOOTFALL_CONTRACT: footfall.ShopSignup, version 1: the id 1001 is not one of yours" in refused.stdout
    assert "FOOTFALL_PORT must be a whole number" in refused.stdout
    assert not (tmp_path / "data").exists()


def test_the_collector_takes_them_and_names_the_faults_of_others(team_stack: Stack) -> None:
    for event in (SIGNUP, NEWSLETTER):
        answer = team_stack.post(event)
        assert answer.status_code == 200, answer.text
    refused = team_stack.post({"event_type": "shop_signup", "event_data": {"seats": "many"}})
    assert {error["pointer"] for error in refused.json()["errors"]} == {"/event_data/plan", "/event_data/seats"}
    known = {each["event_type"] for each in team_stack.get("/api/analytics/event-types").json()["event_types"]}
    assert {"shop_signup", "shop_newsletter", "page_view"} <= known


def test_subscribers_read_them_with_the_teams_id(team_stack: Stack) -> None:
    by_type = {each["event_type"]: each["event_data"] for each in team_stack.records("events")}
    assert by_type.keys() == {"shop_signup", "shop_newsletter"}
    assert by_type["shop_signup"]["plan"] == "team"
    registered = team_stack.get("/registry/subjects/footfall.ShopSignup/versions/latest").json()
    assert (registered["version"], registered["id"]) == (1, 10_000)
    assert registered["schema"] == team_stack.get("/registry/schemas/ids/10000").json()["schema"]
    assert "events-footfall.ShopSignup" in team_stack.get("/registry/subjects").json()


def test_commands_in_another_terminal_read_them_without_the_setting(
    package: Path, team_stack: Stack, team: Path
) -> None:
    environ = {"PYTHONPATH": str(package)}
    shown = team_stack.footfall("tail", "--last", "2", "--exit", environ=environ)
    assert {json.loads(line)["event_type"] for line in shown.stdout.splitlines()} == {
        "shop_signup",
        "shop_newsletter",
    }
    exported = team_stack.footfall("env", environ=environ)
    assert f"export FOOTFALL_CONTRACT={team / 'contract'}\n" in exported.stdout


def test_catalogue_and_asyncapi_describe_them(team_stack: Stack) -> None:
    catalogue = team_stack.get("/catalogue/events").text
    assert "A user signed up." in catalogue
    assert "The plan." in catalogue
    document = team_stack.get("/asyncapi.json").json()
    assert "shop_signup" in document["channels"]["events"]["messages"]
    assert document["components"]["messages"]["shop_signup"]["name"] == "footfall.ShopSignup"


def test_postgres_has_their_views_and_the_dashboard_counts_them(team_stack: Stack) -> None:
    rows = until(lambda: team_stack.query("select plan, seats, event_data from shop_signups"), bool, seconds=60)
    assert [(plan, seats) for plan, seats, _data in rows] == [("team", 3)]
    landed = until(lambda: team_stack.query("select event_data from shop_newsletters"), bool, seconds=60)
    assert [data["list"] for (data,) in landed] == ["weekly"]
    comments = "select col_description('shop_signups'::regclass, attnum) from pg_attribute where attname = 'plan'"
    assert ("The plan.",) in team_stack.query(comments)
    counted = until(
        lambda: team_stack.get("/dashboard/snapshot.json").text,
        lambda text: '"shop_signup"' in text and '"shop_newsletter"' in text,
        seconds=60,
    )
    assert '"shop_signup"' in counted
    assert '"shop_newsletter"' in counted


def test_frontends_and_subscribers_get_their_types(package: Path, team: Path) -> None:
    declared = types(package, team, "typescript", contract="contract").stdout
    assert '  event_type: "shop_signup";' in declared
    assert "  shop_newsletter: Properties;" in declared
    written = types(package, team, "python", "--into", "models.py", contract="contract")
    assert written.returncode == 0, written.stderr
    names: dict[str, object] = {}
    exec((team / "models.py").read_text(), names)
    assert "ShopSignupData" in names
    assert json.loads((team / "contract" / "lock.json").read_text()).keys() == {"footfall.ShopSignup"}
