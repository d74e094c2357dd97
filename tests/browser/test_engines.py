"""The SDK in real engines, against a collector that refuses, is away, and lives on another port.

Browsers are only started with an address: the pages walk on by themselves (walk.js).
"""

import json
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from producer_api.routes.sdk import script
from tests.support.browsers import NAMES, SWITCHES
from tests.system.stack import free_port

WALK = (Path(__file__).parent / "walk.js").read_bytes()
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
WEBKIT = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"
# A browser of a test asks nobody, tells nobody, and opens and closes tabs as it is told.
FIREFOX_SETTINGS = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.allow_scripts_to_close_windows": True,
    "dom.disable_open_during_load": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}
MADE = {"navigated": 5, "closed": 5, "limited": 20, "bytes": 40, "full": 20, "away": 20, "sandboxed": 20}


class Site:
    """Pages on one port; collectors on that, on another that limits once, and on one that is away at first."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, float, int]] = []  # step, when, and the status it was answered
        # Step and number by event id: Chromium fails some requests of a page that goes and delivers them all the same.
        self.taken: dict[str, tuple[str, int]] = {}
        self.methods: Counter[str] = Counter()
        self.largest = 0
        self.over = threading.Event()
        self._pages = self._serve(free_port())
        self._other = self._serve(free_port())
        self._away_port = free_port()
        self._away: ThreadingHTTPServer | None = None
        self.url = f"http://localhost:{self._pages.server_port}"

    def _serve(self, port: int) -> ThreadingHTTPServer:
        handler = type("Handler", (_Handler,), {"site": self})
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def come_back(self) -> None:
        """From now on the third collector answers."""
        self._away = self._away or self._serve(self._away_port)

    def close(self) -> None:
        """Stop serving."""
        for server in filter(None, (self._pages, self._other, self._away)):
            server.shutdown()
            server.server_close()

    def page(self, step: str) -> tuple[bytes, str]:
        """A page of the walk and its Content-Security-Policy."""
        ports = {"limited": self._other.server_port, "away": self._away_port}
        port = ports.get(step.removesuffix("-next"), self._pages.server_port)
        endpoint = f"http://localhost:{port}/api/analytics/collect"
        tag = f'<script defer src="/sdk/footfall.js" data-auto="off" data-bots="on" data-endpoint="{endpoint}"></script>'
        html = f'<!doctype html><html lang="en"><title>{step}</title>{tag}<script defer src="/walk.js"></script>'
        policy = "script-src 'self'; connect-src http://localhost:*"
        return html.encode(), f"{policy}; sandbox allow-scripts" if step == "sandboxed" else policy

    def collect(self, body: bytes) -> int:
        """The status that these events are answered."""
        events = json.loads(body)["events"]
        step: str = events[0]["event_data"]["step"]
        refusals = {"limited": 429, "full": 503, "sandboxed": 503}
        again = any(name == step for name, _, _ in self.requests)
        status = 200 if again else refusals.get(step, 200)
        self.requests.append((step, time.monotonic(), status))
        self.largest = max(self.largest, len(body))
        if status == 200:
            self.taken |= {event["event_id"]: (step, event["event_data"]["n"]) for event in events}
        return status


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/taken":
            self._answer(str(sum(step == query for step, _ in self.site.taken.values())).encode())
        elif path == "/sdk/footfall.js":
            self._answer(script("footfall").contents[""], "text/javascript")
        elif path == "/walk.js":
            self._answer(WALK, "text/javascript")
        elif path == "/come-back":
            self.site.come_back()
            self._answer(b"")
        else:
            html, policy = self.site.page(path[1:])
            self._answer(html, "text/html", {"Content-Security-Policy": policy})
            if path == "/end":
                self.site.over.set()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.site.methods["POST"] += 1
        status = self.site.collect(body)
        cors = {
            "Access-Control-Allow-Origin": self.headers.get("origin", ""),
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": "Retry-After",
            "Vary": "Origin",
        }
        waiting = {"Retry-After": "2"} if status == 429 else {}
        self._answer(b"{}", "application/json", cors | waiting, status)

    def do_OPTIONS(self) -> None:
        self.site.methods["OPTIONS"] += 1
        self._answer(b"", status=403)

    def _answer(
        self, body: bytes, kind: str = "text/plain", headers: dict[str, str] | None = None, status: int = 200
    ) -> None:
        self.send_response(status)
        common = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        for name, value in {**common, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def chromium(folder: Path) -> list[str]:
    program = _program(*NAMES, needed=True)
    root = ["--no-sandbox"] if IS_ROOT else []
    own = ["--headless=new", "--disable-popup-blocking", f"--user-data-dir={folder}"]
    return [program, *own, *SWITCHES, *root]


def firefox(folder: Path) -> list[str]:
    program = _program("firefox-esr", "firefox")
    lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in FIREFOX_SETTINGS.items()]
    (folder / "user.js").write_text("\n".join(lines))
    return [program, "--headless", "--no-remote", "--profile", str(folder)]


def webkit(folder: Path) -> list[str]:
    if not Path(WEBKIT).exists():
        pytest.skip("no WebKitGTK: apt-get install webkit2gtk-driver xvfb")
    return [_program("xvfb-run"), "-a", WEBKIT, "--javascript-can-open-windows-automatically=true"]


def _program(*names: str, needed: bool = False) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    reason = f"no {names[0]}: apt-get install {names[0]}"
    if needed and os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.mark.timeout(150)
@pytest.mark.parametrize("engine", [chromium, firefox, webkit])
def test_every_event_of_a_visit_is_taken_once(
    site: Site, tmp_path: Path, engine: Callable[[Path], list[str]]
) -> None:
    environ = os.environ | {
        "HOME": str(tmp_path),
        "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1" if IS_ROOT else "",
    }
    command = [*engine(tmp_path), site.url + "/navigated"]
    with (tmp_path / "log").open("wb") as log:
        browser = subprocess.Popen(command, env=environ, stdout=log, stderr=log, start_new_session=True)
    try:
        assert site.over.wait(120), f"stopped after {site.requests[-3:]}"
        time.sleep(0.5)
    finally:
        os.killpg(browser.pid, 15)
        browser.wait(timeout=20)
    assert Counter(site.taken.values()) == Counter((step, n) for step, count in MADE.items() for n in range(count))
    limited = [at for step, at, _ in site.requests if step == "limited"]
    assert limited[1] - limited[0] >= 2  # Retry-After, read across origins and kept for the next page
    assert site.methods["OPTIONS"] == 0  # no preflight
    assert site.largest < 32_000
