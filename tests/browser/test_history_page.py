"""The history page in a real Chromium while its query runs: what is shown, said and stopped, with and without scripts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, Page, expect

from dashboard.app import _HERE, StaticAssets
from dashboard.history.routes import add_history_routes
from dashboard.render.pages import Pages
from tests.dashboard.history.test_streaming import Slow
from tests.support.browsers import Barriers

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]
PATH = "/history?range=7d&tz=UTC&measure=visits"
# How far things moved on their own, as browsers measure it.
SHIFTS = """new Promise((done) => new PerformanceObserver((list) =>
  done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0))).observe({ type: "layout-shift", buffered: true })
  || setTimeout(() => done(0), 300))"""


@asynccontextmanager
async def served(service: Slow) -> AsyncIterator[str]:
    app = FastAPI()
    app.mount("/dashboard/static", StaticAssets(directory=_HERE / "static"))
    add_history_routes(app, service, Pages(), 90)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    serving = asyncio.ensure_future(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await serving


async def opened(context: BrowserContext, url: str) -> Page:
    """A page whose frame and first line of progress have come."""
    page = await context.new_page()
    await page.goto(url + PATH, wait_until="commit")
    await expect(page.locator(".progress")).to_contain_text("Reading 12 rows…")
    return page


async def is_cancelled(service: Slow) -> None:
    async with asyncio.timeout(10):
        while not service.is_cancelled:
            await asyncio.sleep(0.02)


async def test_parts_come_one_after_the_other_and_nothing_moves(
    context: BrowserContext, barriers: Barriers
) -> None:
    service = Slow()
    async with served(service) as url:
        page = await opened(context, url)
        await expect(page.locator("main")).to_have_attribute("aria-busy", "true")
        await expect(page.get_by_role("status")).to_have_text("Reading 12 rows…")
        assert await page.locator(".figures").count() == 0
        service.steps.release()
        await expect(page.locator("[data-panel=features]")).to_be_visible()
        await expect(page.locator("#readout")).to_contain_text("Visits by when they began")
        await page.locator("#cursor").focus()
        await page.keyboard.press("Home")
        await expect(page.locator("#readout")).to_contain_text("Visits 4")
        await expect(page.locator(".progress:visible")).to_have_count(1)
        assert await barriers(page) == []
        service.steps.release()
        await page.wait_for_load_state()
        await expect(page.locator(".progress:visible")).to_have_count(0)
        await expect(page.locator("main")).not_to_have_attribute("aria-busy", "true")
        await expect(page.get_by_role("status")).to_have_text("All numbers are there.")
        assert await page.evaluate(SHIFTS) < 0.01
        assert await barriers(page) == []


async def test_cancel_ends_the_query_and_leaves_what_is_shown(context: BrowserContext) -> None:
    service = Slow()
    async with served(service) as url:
        page = await opened(context, url)
        service.steps.release()
        await expect(page.locator("[data-panel=features]")).to_be_visible()
        await page.locator(".progress:visible a").focus()
        await page.keyboard.press("Enter")
        await is_cancelled(service)
        await expect(page.get_by_role("status")).to_have_text("Stopped: the rest was not read.")
        assert await page.locator("[data-panel=features]").is_visible()
        assert page.url == url + PATH
        await expect(page.get_by_role("link", name="Show all")).to_be_focused()


async def test_without_scripts_the_same_is_shown_and_cancel_leads_to_the_frame(chromium: Browser) -> None:
    service = Slow()
    context = await chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    async with served(service) as url:
        page = await opened(context, url)
        service.steps.release()
        await expect(page.locator("[data-panel=features]")).to_be_visible()
        await page.locator(".progress:visible a").click()
        await is_cancelled(service)
        await expect(page.get_by_role("link", name="Show the numbers")).to_be_visible()
        for _ in range(2):
            service.steps.release()
        await page.get_by_role("link", name="Show the numbers").click()
        await expect(page.locator("[data-panel=screens]")).to_be_visible()
        assert await page.locator(".progress:visible").count() == 0
    await context.close()
