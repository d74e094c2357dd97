"""The Node.js SDK: its own tests, and its types."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.npm import NODE, install_shared

SDK = Path(__file__).parents[2] / "sdk" / "node"
HEAD = 'import { Client, context, setContext, type Counters } from "footfall-node";'
VALID = """
const client = new Client({ url: "https://a", key: "k", spoolDir: "/tmp", log: (message: string) => {} });
const id: string | null = client.track("page_view", { page: "/" }, { userId: 7, timestamp: new Date(), release: "1" });
client.track("feature_used", { feature: "export", nested: { list: [1, null] } });
client.track("feature_used");
client.trackCustom("an_event_of_our_own", { anything: true }, { sessionId: null });
const counters: Counters = client.counters;
const user: number = context({ userId: "u", site: "shop" }, () => 7);
setContext({ language: "de" });
const done: Promise<boolean> = client.flush(1000);
const closed: Promise<void> = client.close();
export { id, counters, user, done, closed };
""".strip().splitlines()
INVALID = [
    'client.track("page_veiw", { page: "/" });',
    'client.track("an_event_of_our_own");',
    'client.track("page_view");',
    'client.track("page_view", { page: 7 });',
    'client.track("button_click", { buton: "buy" });',
    'client.track("feature_used", { call: () => 1 });',
    'client.track("feature_used", {}, { user: "u" });',
    'client.track("feature_used", {}, { timestamp: "now" });',
    'context({ relase: "1" }, () => 1);',
    "new Client({});",
    'new Client({ url: "https://a", spool: "/tmp" });',
]


def test_its_own_tests_pass() -> None:
    tests = sorted((SDK / "test").glob("*.test.mjs"))
    assert tests
    ran = subprocess.run(
        [NODE, "--test", "--test-reporter=spec", *tests], capture_output=True, text=True, check=False, timeout=100
    )
    assert ran.returncode == 0, ran.stdout[-8_000:]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, shared_folder: Path) -> Path:
    """A project that has the package, and a compiler."""
    folder = tmp_path_factory.mktemp("node-sdk")
    modules = install_shared(folder, shared_folder, Path(__file__).parents[1] / "clients")
    (modules / "footfall-node").symlink_to(SDK)
    options = {"strict": True, "noEmit": True, "module": "nodenext", "target": "ES2022", "lib": ["ES2022", "DOM"]}
    (folder / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": options | {"types": []}, "files": ["program.mts"]})
    )
    return folder


def error_lines(project: Path, *lines: str) -> set[int]:
    """The lines of a program that do not compile, counted from 0."""
    (project / "program.mts").write_text("\n".join(lines))
    compiler = project / "node_modules/typescript/bin/tsc"
    command = [NODE, compiler, "--pretty", "false", "-p", "."]
    ran = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    errors = [line for line in ran.stdout.splitlines() if "error TS" in line]
    assert all(line.startswith("program.mts(") for line in errors), errors
    return {int(line.split("(")[1].split(",")[0]) - 1 for line in errors}


def test_event_types_of_a_team_are_added_to_those_of_the_package(project: Path, tmp_path: Path) -> None:
    contract, added = tmp_path / "contract", project / "own.d.mts"
    types = [sys.executable, "-m", "footfall", "types"]
    new = ["new", "shop_signup", "--about", "A user signed up.", "--field", "plan:string", "--into", str(contract)]
    subprocess.run([*types, *new], check=True)
    environ = os.environ | {"FOOTFALL_CONTRACT": str(contract)}
    command = [*types, "typescript", "--sdk", "--package", "footfall-node", "--into", str(added)]
    subprocess.run(command, env=environ, check=True)
    right = 'client.track("shop_signup", { plan: "team" });'
    wrong = 'client.track("shop_signup", { plan: 7 });'
    program = ['import type {} from "./own.mts";', HEAD, *VALID, right, wrong]
    assert error_lines(project, *program) == {len(program) - 1}
    added.unlink()


def test_every_event_type_compiles_and_a_misspelt_one_does_not(project: Path) -> None:
    head = [HEAD, *VALID]
    assert error_lines(project, *head) == set()
    wrong = set(range(len(head), len(head) + len(INVALID)))
    assert error_lines(project, *head, *INVALID) == wrong
