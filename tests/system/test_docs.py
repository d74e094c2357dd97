"""The examples in the docs work on a running stack."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from avro_schemas.event_types import custom_events
from avro_schemas.reasons import REASONS
from avro_schemas.topic import all_topics
from footfall.cli import COMMANDS, build
from tests.system.stack import FOOTFALL, Stack, until

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELL = [(page.name, block) for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.S)]
EVENTS = [
    (page.name, block) for page in PAGES for block in re.findall(r"```json\n(.*?)```", page.read_text(), re.S)
]
SQL = [(page.name, block) for page in PAGES for block in re.findall(r"```sql\n(.*?)```", page.read_text(), re.S)]

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.mark.parametrize(("page", "block"), SHELL, ids=[f"{page}-{n}" for n, (page, _) in enumerate(SHELL)])
def test_shell_examples_run(stack: Stack, page: str, block: str, tmp_path: Path) -> None:
    script = block.replace("localhost:3000", f"localhost:{stack.port}")
    # The tests' environment is active already; psql may not be installed; tests/clients generates the clients.
    script = script.replace("source .venv/bin/activate", "true")
    script = "\n".join(
        line for line in script.splitlines() if not line.startswith(("psql ", "openapi-python-client "))
    )
    path = f"{FOOTFALL.parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        # Where `mktemp` makes its folders.
        env=stack.environ | {"PATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,  # fifteen commands on a busy machine
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    if "/collect" in script:
        assert '"success":true' in ran.stdout.replace(" ", "")


@pytest.mark.parametrize(("page", "block"), EVENTS, ids=[f"{page}-{n}" for n, (page, _) in enumerate(EVENTS)])
def test_example_events_are_accepted(stack: Stack, page: str, block: str) -> None:
    answer = stack.post(json.loads(block))
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True


@pytest.mark.parametrize(("page", "block"), SQL, ids=[f"{page}-{n}" for n, (page, _) in enumerate(SQL)])
def test_queries_run(stack: Stack, page: str, block: str) -> None:
    stack.post({"event_type": "page_view", "event_data": {"page": "/", "referrer": "/login"}})
    until(lambda: stack.rows_by_type().get("page_view", 0), bool, seconds=60)
    # As an analyst asks, whose search path has nothing of ours.
    with psycopg.connect(stack.state["postgres"]) as connection:
        for statement in filter(str.strip, block.split(";")):
            assert connection.execute(statement.encode()).fetchall()


def test_the_docs_list_the_commands_that_exist() -> None:
    documented = set(re.findall(r"^\| `footfall ([\w-]+)`", (ROOT / "docs/commands.md").read_text(), re.M))
    assert documented == set(COMMANDS)


def test_generated_files_are_up_to_date() -> None:
    ran = subprocess.run([sys.executable, "-m", "footfall.generate", "--check"], cwd=ROOT, check=False)
    assert ran.returncode == 0


def test_custom_events_and_statuses_are_documented() -> None:
    text = (ROOT / "docs/event-types.md").read_text()
    assert [name for name in custom_events() if f"`{name}`" not in text] == []
    assert "event_type_unknown" in REASONS


def test_every_public_topic_is_in_the_docs() -> None:
    text = " ".join(page.read_text() for page in PAGES)
    public = [topic.name for topic in all_topics().values() if topic.schemas and topic.name != "erasures"]
    assert [name for name in public if f"`{name}`" not in text] == []


def test_links_between_pages_work() -> None:
    broken = [
        f"{page.name}: {link}"
        for page in [*PAGES, *sorted((ROOT / "docs/decisions").glob("*.md"))]
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text())
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_the_help_of_every_command_has_an_example() -> None:
    for command in COMMANDS:
        shown = CliRunner().invoke(build(command), [command, "--help"])
        assert shown.exit_code == 0, shown.output
        assert "Example" in shown.output, command
