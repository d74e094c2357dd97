"""A real Chromium for the tests: one process for the run, a context of its own (storage, cookies) for a test.

Playwright belongs to one event loop, so tests that use these say
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright

Barriers = Callable[..., Awaitable[list[str]]]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Nothing but the tests' own requests, and no graphics card: the same on every machine.
SWITCHES = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)

# Numbers that are cut off, and words that are broken into more lines than they have letters for.
CUT = """() => [...document.querySelectorAll("main td, main th, main dd, main dt")].filter((cell) => {
  const text = cell.textContent.trim();
  if (!text || !cell.checkVisibility() || cell.closest("details:not([open])")) return false;
  const box = cell.getBoundingClientRect(), lines = [], range = document.createRange();
  const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    range.selectNodeContents(texts.currentNode);
    for (const { top, height, width } of range.getClientRects()) {
      const middle = top + height / 2;
      if (width > 1 && lines.every((line) => Math.abs(line - middle) > 9)) lines.push(middle);
    }
  }
  const shown = (cell.closest(".scroll") ?? document.body).getBoundingClientRect();
  const isNumber = cell.matches(".count, .percent, .vital, .duration, .change, dd");
  return (isNumber && box.right > shown.right + 1) || (lines.length > 1 && text.length / lines.length < 4);
}).map((cell) => cell.textContent.trim())"""


def program(playwright: Playwright) -> str | None:
    """Where Chromium is: the system's, or the one that `playwright install chromium` brought."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser; its user data lie in a folder that Playwright makes and removes."""
    async with async_playwright() as playwright:
        found = program(playwright)
        if found is None:
            reason = "no Chromium: `apt-get install chromium`, or `.venv/bin/playwright install chromium`"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium has no sandbox for root
        browser = await playwright.chromium.launch(
            executable_path=found, args=[*SWITCHES, *(["--no-sandbox"] if is_root else [])]
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """A visitor with a new browser; `await context.new_page()` opens a tab."""
    made = await chromium.new_context()
    yield made
    await made.close()


@pytest.fixture
def barriers(node_modules: Path) -> Barriers:
    """What axe-core finds on a page against WCAG 2.2 AA and good practice; it runs whatever the page's CSP says."""
    axe = (node_modules / "axe-core/axe.min.js").read_text()

    async def find(page: Page, theme: str = "light") -> list[str]:
        """By all rules; in the dark by those about colours, as nothing else depends on the theme."""
        await page.evaluate(axe)
        rules = {"runOnly": ["cat.color"]} if theme == "dark" else {}
        # To describe every element that passes would take longer than to judge it.
        found = await page.evaluate(
            "options => axe.run(options).then(({violations}) => violations)",
            {"resultTypes": ["violations"], **rules},
        )
        return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]

    return find
