"""One command makes an event type; from HTTP to Postgres, dashboard, catalogue and types all follow from it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import running
from tests.system.stack import Stack, until

ROOT = Path(__file__).parents[2]
NEW = [
    "new",
    "sign_up",
    "--about",
    "Somebody signed up.",
    "--field",
    "plan:string:The plan.",
    "--field",
    "seats:int?",
]
SIGN_UP = {"event_type": "sign_up", "event_data": {"plan": "team", "seats": 3}}

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout in which somebody has made an event type, and nothing else."""
    copy = tmp_path_factory.mktemp("checkout")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "as published"]):
        subprocess.run([*git, *command], cwd=copy, check=True)
    types(copy, *NEW)
    return copy


@pytest.fixture(scope="module")
def grown_stack(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from running(tmp_path_factory.mktemp("grown") / "data", checkout)


def types(checkout: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "footfall", "types", *arguments]
    ran = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_new_type_may_be_merged_and_everything_generated_knows_it(checkout: Path) -> None:
    assert "0 faults" in types(checkout, "check", "--against", "main")
    for path, says in {
        "browser/events.d.ts": '"sign_up"',
        "avro_schemas/models.py": "class SignUp",
        "docs/event-types.md": "## `sign_up`",
    }.items():
        assert says in (checkout / path).read_text(), path
    generated = subprocess.run([sys.executable, "-m", "footfall.generate", "--check"], cwd=checkout, check=False)
    assert generated.returncode == 0


def test_the_projects_own_tests_of_the_contract_accept_it(checkout: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts/test_schemas.py"]
    ran = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_it_flows_from_http_to_postgres_dashboard_and_catalogue(grown_stack: Stack) -> None:
    answer = grown_stack.post(SIGN_UP)
    assert answer.status_code == 200, answer.text
    refused = grown_stack.post({"event_type": "sign_up", "event_data": {"seats": "many"}})
    assert {error["pointer"] for error in refused.json()["errors"]} == {"/event_data/plan", "/event_data/seats"}

    landed = until(lambda: grown_stack.query("select event_type, event_data from events"), bool, seconds=60)
    assert landed == [("sign_up", SIGN_UP["event_data"])]
    shown = until(lambda: grown_stack.get("/dashboard/snapshot.json").text, lambda t: '"sign_up"' in t, seconds=60)
    assert '"sign_up"' in shown
    (subscribed,) = grown_stack.records("events")
    assert subscribed["event_data"]["plan"] == "team"
    catalogue = grown_stack.get("/catalogue/events").text
    assert "Somebody signed up." in catalogue
    assert "The plan." in catalogue
    assert "SignUp" in grown_stack.get("/asyncapi.json").text
