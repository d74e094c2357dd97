"""Takes the screenshots of README and docs: a pipeline of its own, a week of plausible visitors, a real Chromium.

make screenshots, or python -m scripts.screenshots FOLDER to have them elsewhere.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
from playwright.sync_api import Browser, sync_playwright

from avro_schemas import event_ids
from footfall.demo.visitors import Visitor
from footfall.local.keys import read_or_create
from service_kit.sessions.signing import sign
from tests.support.browsers import SWITCHES, program
from tests.system.stack import free_port

IMAGES = Path(__file__).parents[1] / "docs/images"
VISITORS = 240
MINUTE, HOUR = 60, 3600
# Name, path, width, height, theme.
Screenshot = tuple[str, str, int, int, str]
LIVE: tuple[Screenshot, ...] = (
    ("dashboard", "/", 1280, 1010, "light"),
    ("phone", "/", 390, 844, "dark"),
)
REJECTED = (
    {"event_type": "pageview", "event_data": {"page": "/pricing"}},
    {"event_type": "button_click", "event_data": {"page": "/pricing"}},
    {"event_type": "form_submit", "event_data": {"form": 7}},
)


@contextmanager
def stack(folder: Path, port: int) -> Iterator[None]:
    """A running `footfall up` without rate limits, that counts events up to fifty minutes old."""
    environ = {
        "FOOTFALL_DATA_DIR": str(folder),
        "FOOTFALL_PORT": str(port),
        "FOOTFALL_GRACE_SECONDS": "3000",
        "FOOTFALL_EVENTS_PER_MINUTE": str(10**9),
        "FOOTFALL_EVENTS_PER_MINUTE_PER_ADDRESS": str(10**9),
    }
    command = [sys.executable, "-m", "footfall"]
    running = subprocess.Popen([*command, "up"], env=os.environ | environ)
    try:
        while not _is_ready(port):
            assert running.poll() is None
            time.sleep(0.5)
        demo = subprocess.Popen(
            [*command, "demo", "--rate", "0.7", "--seed", "7"],
            env=os.environ | environ,
            stderr=subprocess.DEVNULL,
        )
        yield
        demo.terminate()
        demo.wait()
    finally:
        running.terminate()
        running.wait()


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://localhost:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


class Crowd:
    """Visitors whose events are posted in batches, for any time in the past."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30)
        self._chance = Random(4)
        self._visitors = [Visitor(number, Random(number)) for number in range(VISITORS)]
        self._key = key

    def visit(self, at: float, events: int) -> None:
        """Post so many events of one visitor, in the minute that begins at `at`."""
        visitor = self._chance.choice(self._visitors)
        batch = [self._at(at + self._chance.random() * MINUTE, visitor.next_event()) for _ in range(events)]
        claims = {"sub": f"user-{visitor.number}", "sid": f"visit-{visitor.number}", "exp": int(time.time()) + 60}
        headers = {"cookie": f"session={sign(claims, self._key)}", "user-agent": visitor.user_agent}
        body = {"events": batch, "context": visitor.context}
        answer = self._client.post("/api/analytics/collect", json=body, headers=headers)
        assert answer.status_code == 200, answer.text

    def send_invalid(self) -> None:
        """Post events that are rejected."""
        for event in REJECTED * 2:
            self._client.post("/api/analytics/collect", json=event)

    def _at(self, moment: float, event: dict[str, Any]) -> dict[str, Any]:
        moment = min(moment, time.time())
        event_id = event_ids.generate(int(moment * 1000), self._chance.randbytes(event_ids.RANDOM_BYTES))
        timestamp = datetime.fromtimestamp(moment, UTC).isoformat()
        return event | {"event_id": event_id, "timestamp": timestamp}


def fill_hour(crowd: Crowd, now: float) -> None:
    """Post the last fifty minutes."""
    chance = Random(5)
    for back in range(49 * MINUTE, 0, -MINUTE):
        wave = 1 + 0.35 * math.sin(back / MINUTE / 6) + 0.2 * math.sin(back / MINUTE / 2.3)
        for _ in range(round(5 * wave * chance.uniform(0.85, 1.15))):
            crowd.visit(now - back, chance.randrange(4, 9))


def fill_week(crowd: Crowd, now: float) -> None:
    """Post six and a half days: busier by day, busier each day, quieter at weekends."""
    chance = Random(6)
    for back in range(156 * HOUR, HOUR, -HOUR):
        moment = now - back
        day = 1.15 + math.sin((moment % 86_400) / 86_400 * 2 * math.pi - math.pi / 2)
        weekend = 0.6 if datetime.fromtimestamp(moment, UTC).weekday() >= 5 else 1.0
        growth = 1.3 - back / HOUR / 400
        for _ in range(round(9 * day * weekend * growth * chance.uniform(0.85, 1.15)) + 1):
            crowd.visit(moment + chance.randrange(0, HOUR - MINUTE, MINUTE), chance.randrange(60, 110))


def take(browser: Browser, url: str, screenshots: Iterable[Screenshot], folder: Path) -> None:
    """Save screenshots of pages."""
    for name, path, width, height, theme in screenshots:
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme=theme,  # type: ignore[arg-type] # one of its literals
            device_scale_factor=1.5,
        )
        page.goto(url + path)
        page.wait_for_timeout(6000)
        page.screenshot(path=folder / f"{name}.png")
        page.close()


def of_the_history() -> list[Screenshot]:
    """The last three days, compared with the three before, by events and by another measure."""
    today = datetime.now(UTC).date()
    days = f"/history?compare=1&step=hour&from={today - timedelta(days=2)}&to={today}"
    return [
        ("history", days, 1280, 1010, "dark"),
        ("history-phone", f"{days}&measure=visits", 390, 844, "light"),
    ]


def wait_for_visits(url: str) -> None:
    """Wait until visits are derived from all that landed: they have a view for each event of one."""
    while True:
        answer = httpx.get(f"{url}/dashboard/history.json?range=7d", timeout=60).json()
        landed = sum(step["counts"].get("page_view", 0) for step in answer.get("steps", []))
        if landed and landed == answer["totals"]["views"]["current"]:
            return
        time.sleep(3)


def main() -> None:
    images = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    port = free_port()
    with tempfile.TemporaryDirectory() as name, stack(folder := Path(name) / "data", port):
        url = f"http://localhost:{port}"
        crowd = Crowd(url, read_or_create(folder)["FOOTFALL_SESSION_KEY"])
        fill_hour(crowd, time.time())
        time.sleep(MINUTE)
        crowd.send_invalid()
        with sync_playwright() as playwright:
            found = program(playwright)  # type: ignore[arg-type] # the sync and async APIs name the same programs
            browser = playwright.chromium.launch(executable_path=found, args=[*SWITCHES, "--no-sandbox"])
            take(browser, url, LIVE, images)
            fill_week(crowd, time.time())
            wait_for_visits(url)
            take(browser, url, of_the_history(), images)


if __name__ == "__main__":
    main()
