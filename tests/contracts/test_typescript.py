"""The TypeScript types of the events: every example compiles, and events with faults do not."""

import json
import subprocess
from pathlib import Path

import pytest

from avro_schemas.event_types import event_type_names
from avro_schemas.schema import FOLDER
from tests.npm import NODE

TYPES = FOLDER.parent / "browser" / "events.d.ts"
EXAMPLES = [
    example
    for path in sorted((FOLDER / "examples").glob("*.json"))
    if (example := json.loads(path.read_text())).get("event_type") in event_type_names()
]
WRONG = [
    {"event_type": "page_view", "event_data": {"page": 7}},
    {"event_type": "page_view", "event_data": {}},
    {"event_type": "pageview", "event_data": {"page": "/"}},
    {"event_type": "page_view", "event_data": {"page": "/"}, "event_idd": "evt_1"},
    {"event_type": "page_view", "event_data": {"page": "/"}, "context": {"hostnam": "www.example.com"}},
    {"event_type": "page_view", "event_data": {"page": "/"}, "context": {"screen_width": "390"}},
]
NESTED = [
    {"event_type": "scroll", "event_data": {"path": [{"at": 1, "of": [None, True, "x"]}]}},
    {"event_type": "page_view", "event_data": {"page": "/", "properties": {"cart": {"items": [{"id": 7}]}}}},
    {"event_type": "click", "event_data": {}, "context": {"site": "shop", "screen_width": 390, "release": None}},
]


@pytest.fixture(scope="module")
def folder(node_modules: Path) -> Path:
    return node_modules.parent


def compiled(folder: Path, events: list[object]) -> list[str]:
    """What the compiler says about a program that makes these events."""
    lines = [f"const event{n}: Event = {json.dumps(event)};" for n, event in enumerate(events)]
    lines.insert(0, f'import type {{ Event }} from "{TYPES.with_suffix("").with_suffix("")}";')
    (folder / "program.ts").write_text("\n".join([*lines, "export {};"]))
    compiler = folder / "node_modules/typescript/bin/tsc"
    command = [NODE, compiler, "--strict", "--noEmit", "--pretty", "false", "program.ts"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return [line for line in ran.stdout.splitlines() if "error" in line]


def test_every_example_is_of_its_type(folder: Path) -> None:
    assert len(EXAMPLES) > 4
    assert compiled(folder, [*EXAMPLES, *NESTED]) == []


def test_events_that_the_collector_would_reject_do_not_compile(folder: Path) -> None:
    errors = compiled(folder, list(WRONG))
    assert {int(line.split("(")[1].split(",")[0]) - 2 for line in errors} == set(range(len(WRONG)))
