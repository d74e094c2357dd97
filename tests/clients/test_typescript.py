"""The TypeScript that openapi-typescript makes of the documents compiles, and knows a valid event from an invalid one."""

import json
import subprocess
from pathlib import Path

import pytest

from avro_schemas.event_types import describe_event_types
from tests.clients import DOCUMENTS, write_documents
from tests.npm import NODE, install_shared

EXAMPLES = [each["example"] for each in describe_event_types()]
WRONG = [
    {"event_type": "page_view", "event_data": {"page": 7}},
    {"event_type": "page_view", "event_data": {}},
    {"event_type": "pageview", "event_data": {"page": "/"}},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shared_folder: Path) -> Path:
    """A folder with the compiler, and a file of types for each document."""
    made = tmp_path_factory.mktemp("typescript")
    modules = install_shared(made, shared_folder, Path(__file__).parent)
    write_documents(made)
    for name in DOCUMENTS:
        generator = modules / "openapi-typescript" / "bin" / "cli.js"
        command = [NODE, generator, f"{name}.json", "--output", f"{name}.d.ts"]
        subprocess.run(command, cwd=made, capture_output=True, check=True)
    return made


def errors(folder: Path, lines: list[str]) -> list[str]:
    """What the compiler says about a program of these lines, with the types of all documents."""
    (folder / "program.ts").write_text("\n".join(lines))
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    types = [f"{name}.d.ts" for name in DOCUMENTS]
    command = [NODE, compiler, "--strict", "--noEmit", "--pretty", "false", "program.ts", *types]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return [line for line in ran.stdout.splitlines() if "error" in line]


def body(value: object) -> str:
    """A line that gives the body of a request this value."""
    kind = 'operations["collectEvents"]["requestBody"]["content"]["application/json"]'
    return f"(): {kind} => ({json.dumps(value)});"


def test_events_and_lists_compile_as_the_body_of_a_request(folder: Path) -> None:
    values = [*EXAMPLES, EXAMPLES, {"events": EXAMPLES, "dropped": 2}]
    assert errors(folder, ['import type { operations } from "./collector";', *map(body, values)]) == []


def test_events_that_the_collector_would_reject_do_not_compile(folder: Path) -> None:
    found = errors(folder, ['import type { operations } from "./collector";', *map(body, WRONG)])
    assert {int(line.split("(")[1].split(",")[0]) - 2 for line in found} == set(range(len(WRONG)))


def test_answers_of_registry_and_dashboard_have_types(folder: Path) -> None:
    program = [
        'import type { components } from "./registry";',
        'import type { operations } from "./dashboard";',
        'type Snapshot = operations["readSnapshot"]["responses"][200]["content"]["application/json"];',
        'export const id = (found: components["schemas"]["SchemaVersion"]): number => found.id;',
        "export const users = (shown: Snapshot): number => shown.figures.people_5;",
    ]
    assert errors(folder, program) == []
    assert errors(folder, [*program, "export const wrong = (shown: Snapshot): string => shown.figures.people_5;"])
