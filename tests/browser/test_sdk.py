"""The SDK's own tests in a simulated browser, its built files, and its package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from producer_api.routes.sdk import NAMES, script
from tests.npm import BIN, NODE, npm

BROWSER = Path(__file__).parents[2] / "browser"
IGNORED = shutil.ignore_patterns("node_modules", "dist", "test")
VALID = """
import { capture, consent, flush, init, track, type Event } from "footfall-browser";
import { measure } from "footfall-browser/vitals";
init({ endpoint: "/api/analytics/collect", storage: "session", before: (event) => event }) && capture("page,click");
measure(track);
track("page_view", { page: "/", referrer: null });
track("web_vital", { metric: "LCP", value: 1200.5 });
track("feature_used", { feature: "export", seconds: 1.5 });
track("feature_used");
track("page_view", { page: "/", properties: { cart: { items: [{ id: 7, options: ["red", null] }] } } });
track("click", { list: [1, [true, { deep: "er" }]] });
init({ endpoint: "/", site: "shop", release: "1", route: "/products/:id", context: "hostname,screen_width" });
init({ endpoint: "/", context: "off", route: (path) => (path === "/" ? "/" : undefined) });
init({ endpoint: "/", before: ({ context, ...event }) => ({ ...event, context: { ...context, route: "/" } }) });
const done: Promise<void> = flush();
consent(true);
const event: Event = { event_type: "click", event_data: { element: "logo" }, context: { screen_width: 390 } };
export { done, event };
"""
INVALID = [
    'track("page_view", { page: 7 });',
    'track("page_view", {});',
    'track("page_view");',
    'track("button_click", { buton: "buy" });',
    'track("feature_used", { when: new Date() });',
    "track(7, {});",
    'init({ storage: "local" });',
    'init({ endpoint: "/", storage: "cookie" });',
    "consent();",
    'track("page_view", { page: "/", properties: { at: { deep: [new Date()] } } });',
    'track("page_view", { page: "/", properties: "{}" });',
    'track("feature_used", { call: () => 1 });',
    'init({ endpoint: "/", context: "hostname,screen" });',
    'init({ endpoint: "/", context: { screen_width: false } });',
    'init({ endpoint: "/", route: 7 });',
    'init({ endpoint: "/", before: (event) => ({ ...event, context: { hostnam: "x" } }) });',
    'const event: Event = { event_type: "pageview", event_data: { page: "/" } };',
    'track("page_veiw", { page: "/" });',
    'track("pageview");',
    'track("an_event_of_our_own");',
    'track("page_view" as string, { page: "/" });',
]
# Of an application that has added names of its own to `Events`, by hand.
OWN_NAMES = """
import { track, type Properties } from "footfall-browser";
declare module "footfall-browser" {
  interface Events { own_event: { of: number }; other_event: Properties; [own: `shop_${string}`]: Properties }
}
track("own_event", { of: 7 });
track("other_event");
track("shop_anything", { list: [1, { deep: "er" }] });
track("page_view", { page: "/" });
"""
NOT_OWN_NAMES = [
    'track("own_event", { of: "7" });',
    'track("own_event");',
    'track("own_evnt", { of: 7 });',
    'track("shp_anything");',
    'track("page_veiw", { page: "/" });',
    'track("page_view", { page: 7 });',
]
# What applications have when they call `init`.
ROUTERS = [
    "declare const router: { resolve(path: string): { matched: { path: string }[] } };",
    "declare const routes: object[];",
    "declare const process: { env: Record<string, string | undefined> };",
    "declare function matchRoutes(routes: object[], path: string): { route: { path?: string } }[] | null;",
]


def test_the_sdks_own_tests_pass() -> None:
    tests = sorted((BROWSER / "test").glob("*.test.mjs"))
    assert len(tests) >= 3
    ran = subprocess.run(
        [NODE, "--test", "--test-reporter=spec", *tests], capture_output=True, text=True, check=False, timeout=100
    )
    assert ran.returncode == 0, ran.stdout[-8_000:]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `browser/` with the packages of its lock file."""
    folder = tmp_path_factory.mktemp("sdk") / "browser"
    shutil.copytree(BROWSER, folder, ignore=IGNORED)
    npm(folder, "ci", "--silent", "--no-audit", "--no-fund")
    return folder


def test_the_served_files_are_built_from_the_source(source: Path, tmp_path: Path) -> None:
    npm(source, "run", "--silent", "build", "--", str(tmp_path))
    for name in NAMES:
        for encoding, ending in (("", ""), ("gzip", ".gz"), ("br", ".br")):
            built = (tmp_path / f"{name}.js{ending}").read_bytes()
            assert built == script(name).contents[encoding], (
                f"{name}.js{ending} is out of date: npm run build in browser/"
            )


@pytest.fixture(scope="module")
def installed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has installed the package with npm."""
    project = tmp_path_factory.mktemp("project")
    (packed,) = json.loads(npm(source, "pack", "--json", "--silent", "--pack-destination", str(project)))
    assert packed["unpackedSize"] < 60_000
    (project / "package.json").write_text('{"private": true, "type": "module"}')
    npm(project, "install", "--silent", "--no-audit", "--no-fund", f"./{packed['filename']}")
    (project / "tsconfig.json").write_text(
        '{"compilerOptions": {"strict": true, "noEmit": true, "module": "ES2022", "moduleResolution": "bundler", '
        '"target": "ES2022", "types": []}, "include": ["*.ts"]}'
    )
    return project


def compile_errors(source: Path, project: Path, *lines: str) -> list[str]:
    """The errors of the compiler in a program."""
    (project / "program.ts").write_text("\n".join(lines))
    compiler = source / "node_modules/typescript/bin/tsc"
    ran = subprocess.run(
        [NODE, compiler, "--pretty", "false"], cwd=project, capture_output=True, text=True, check=False
    )
    return [line for line in ran.stdout.splitlines() if line.startswith("program.ts(")]


def test_the_package_has_types_for_every_event(source: Path, installed: Path) -> None:
    assert compile_errors(source, installed, VALID) == []


def test_what_the_collector_would_reject_does_not_compile(source: Path, installed: Path) -> None:
    errors = compile_errors(
        source, installed, 'import { consent, init, track, type Event } from "footfall-browser";', *INVALID
    )
    assert {int(line.split("(")[1].split(",")[0]) - 2 for line in errors} == set(range(len(INVALID)))


def test_names_of_ones_own_are_added_to_the_types_by_hand(source: Path, installed: Path) -> None:
    assert compile_errors(source, installed, OWN_NAMES) == []
    errors = compile_errors(source, installed, OWN_NAMES, *NOT_OWN_NAMES)
    first = OWN_NAMES.count("\n") + 2
    assert {int(line.split("(")[1].split(",")[0]) - first for line in errors} == set(range(len(NOT_OWN_NAMES)))


def test_event_types_of_a_team_are_added_to_those_of_the_package(
    source: Path, installed: Path, tmp_path: Path
) -> None:
    contract, into = tmp_path / "contract", installed / "footfall-events.d.ts"
    types = [sys.executable, "-m", "footfall", "types"]
    made = [
        "new",
        "shop_signup",
        "--about",
        "A user signed up.",
        "--field",
        "plan:string",
        "--into",
        str(contract),
    ]
    subprocess.run([*types, *made], check=True)
    (contract / "custom_events.yaml").write_text("shop_newsletter: Somebody subscribed.\n")
    environ = os.environ | {"FOOTFALL_CONTRACT": str(contract)}
    subprocess.run([*types, "typescript", "--sdk", "--into", into], env=environ, check=True)
    errors = compile_errors(
        source,
        installed,
        'import { track, type Events } from "footfall-browser";',
        'track("shop_signup", { plan: "team" });',
        'track("page_view", { page: "/" });',
        'const sent: Events["shop_newsletter"] = { list: "weekly" };',
        'track("shop_newsletter", sent);',
        'track("shop_signup", { plan: 7 });',
        'track("shop_signup", {});',
        'track("page_view", { page: 7 });',
    )
    into.unlink()
    assert {int(line.split("(")[1].split(",")[0]) for line in errors} == {6, 7, 8}


@pytest.mark.parametrize(("page", "count"), [("docs/browser-sdk.md", 2), ("browser/README.md", 5)])
def test_the_examples_of_the_docs_compile(source: Path, installed: Path, page: str, count: int) -> None:
    text = (BROWSER.parent / page).read_text()
    examples = re.findall(r"^```tsx?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(examples) == count
    for example in examples:
        assert compile_errors(source, installed, *ROUTERS, example, "export {};") == []


def test_importing_the_package_has_no_effect_and_needs_no_browser(installed: Path) -> None:
    program = (
        'import * as sdk from "footfall-browser"; sdk.track("click", {}); console.log(Object.keys(sdk).join())'
    )
    ran = subprocess.run(
        [NODE, "--input-type=module", "-e", program],
        cwd=installed,
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "capture,consent,flush,init,track"
    assert ran.stderr == ""
