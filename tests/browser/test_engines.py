"""The SDK in real browser engines, against a collector that rejects requests, is unavailable, or is on another port.

Browsers are only started with a URL. The pages then navigate by themselves (walk.js).
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
# No update checks, no telemetry, no captive portal; scripts may open and close tabs.
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
ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
# How many events each step of the walk tracks.
TRACKED = {
    "navigated": 5,
    "closed": 5,
    "limited": 20,
    "late": 20,
    "bytes": 40,
    "full": 20,
    "unavailable": 20,
    "sandboxed": 20,
}


class Site:
    """Pages on one port. Collectors on the same port, on one that limits once, and on one that is unavailable at first."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, float, int]] = []  # step, time, and status of the response
        # Step and number by event id: Chromium fails some requests of an unloading page although it delivers them.
        self.accepted: dict[str, tuple[str, int]] = {}
        self.methods: Counter[str] = Counter()
        self.largest = 0
        self.is_over = threading.Event()
        self._pages = self._serve(free_port())
        self._other = self._serve(free_port())
        self._third_port = free_port()
        self._third: ThreadingHTTPServer | None = None
        self.url = f"http://localhost:{self._pages.server_port}"

    def _serve(self, port: int) -> ThreadingHTTPServer:
        handler = type("Handler", (_Handler,), {"site": self})
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def recover(self) -> None:
        """Start the third collector."""
        self._third = self._third or self._serve(self._third_port)

    def close(self) -> None:
        """Stop serving."""
        for server in filter(None, (self._pages, self._other, self._third)):
            server.shutdown()
            server.server_close()

    def page(self, step: str) -> tuple[bytes, str]:
        """A page of the walk and its Content-Security-Policy."""
        ports = {"limited": self._other.server_port, "unavailable": self._third_port}
        port = ports.get(step.removesuffix("-next"), self._pages.server_port)
        endpoint = f"http://localhost:{port}/api/analytics/collect"
        tag = f'<script defer src="/sdk/footfall.js" data-auto="off" data-bots="on" data-endpoint="{endpoint}"></script>'
        html = f'<!doctype html><html lang="en"><title>{step}</title>{tag}<script defer src="/walk.js"></script>'
        policy = "script-src 'self'; connect-src http://localhost:*"
        return html.encode(), f"{policy}; sandbox allow-scripts" if step == "sandboxed" else policy

    def collect(self, body: bytes) -> int:
        """The status that these events are answered with."""
        events = json.loads(body)["events"]
        step: str = events[0]["event_data"]["step"]
        failures = {"limited": 429, "late": 503, "full": 503, "sandboxed": 503}
        again = any(name == step for name, _, _ in self.requests)
        status = 200 if again else failures.get(step, 200)
        self.requests.append((step, time.monotonic(), status))
        self.largest = max(self.largest, len(body))
        if status == 503 and step == "late":
            time.sleep(1.5)  # the page has gone, so nobody sees the response
        if status == 200:
            # A page also sends what others have stored.
            data = {event["event_id"]: event["event_data"] for event in events}
            self.accepted |= {event_id: (each["step"], each["n"]) for event_id, each in data.items()}
        return status


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, *_arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/accepted":
            self._answer(
                str(sum(step == query for step, _ in self.site.accepted.values())).encode(), headers=ANY_ORIGIN
            )
        elif path.startswith("/sdk/"):
            served = script(path.removeprefix("/sdk/").removesuffix(".js"))
            self._answer(served.contents[""], "text/javascript", ANY_ORIGIN)
        elif path == "/walk.js":
            self._answer(WALK, "text/javascript")
        elif path == "/recover":
            self.site.recover()
            self._answer(b"")
        else:
            html, policy = self.site.page(path[1:])
            self._answer(html, "text/html", {"Content-Security-Policy": policy})
            if path == "/end":
                self.site.is_over.set()

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
    served = Site()
    yield served
    served.close()


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
def test_every_event_of_a_visit_is_accepted_once(
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
        assert site.is_over.wait(120), f"stopped after {site.requests[-3:]}"
        time.sleep(0.5)
    finally:
        os.killpg(browser.pid, 15)
        browser.wait(timeout=20)
    assert Counter(site.accepted.values()) == Counter(
        (step, n) for step, count in TRACKED.items() for n in range(count)
    )
    limited = [at for step, at, _ in site.requests if step == "limited"]
    assert limited[1] - limited[0] >= 2  # Retry-After, read across origins and stored for the next page
    assert site.methods["OPTIONS"] == 0  # no preflight
    assert site.largest < 65_536  # what browsers take of a page that goes
