"""A visit in a real Chromium, with everything that can go wrong during one: each event is in Postgres once.

The pages are defined here. The script, the collector and the rest of the pipeline are those of `footfall up`.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route

from tests.system.stack import Stack, until

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

HTML = """<!doctype html><html lang="en"><title>Shop</title>
<script defer src="/sdk/footfall.js" data-bots="on" data-wait="200" data-auto="page,click,form,error,vital"></script>
<h1>Shop</h1><button id="buy">Pay 100 EUR</button>
<form id="sign-up"><input name="email"><input name="password" type="password"><button>Go</button></form>
<a id="next" href="next">Next</a>"""
SECRET = "hunter2-typed-by-hand"
COLLECT = "**/api/analytics/collect"
FILL_STORAGE = "for (let size = 1 << 20; size; size >>= 1) try { for (;;) localStorage[Math.random()] = 'x'.repeat(size) } catch {}"
NO_STORAGE = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError') } })"


class Visit:
    """A visitor of a shop that belongs to one test. `tracked` counts the events that the pages were asked to track."""

    def __init__(self, context: BrowserContext, stack: Stack) -> None:
        self.context, self.stack = context, stack
        self.run = uuid.uuid4().hex[:8]
        self.tracked = 0
        self.complaints: list[str] = []

    async def begin(self) -> None:
        """Serve the shop and sign the visitor in."""
        await self.context.route(f"**/shop-{self.run}/**", self._serve)
        token = self.stack.session()["cookie"].partition("=")[2]
        await self.context.add_cookies([{"name": "session", "value": token, "url": self.stack.url}])

    async def _serve(self, route: Route) -> None:
        if route.request.method == "POST":
            await route.fulfill(status=204)
            return
        headers = {"content-security-policy": "default-src 'self'", "content-type": "text/html"}
        await route.fulfill(body=HTML, headers=headers)

    async def open(self, path: str) -> Page:
        """A new tab on a page of the shop, with the script loaded."""
        page = await self.context.new_page()
        page.on("console", lambda message: self._on_console(message.text))
        await page.goto(f"{self.stack.url}/shop-{self.run}/{path}")
        await page.wait_for_function("window.footfall")
        return page

    def _on_console(self, text: str) -> None:
        if "Content Security Policy" in text:
            self.complaints.append(text)

    async def track(self, page: Page, count: int) -> None:
        """Track numbered events."""
        numbers = [*range(self.tracked, self.tracked + count)]
        self.tracked += count
        await page.evaluate(
            "([run, numbers]) => { for (const n of numbers) footfall.track('feature_used', { run, n }) }",
            [self.run, numbers],
        )

    async def landed(self) -> Counter[int]:
        """How often each number is in Postgres, once all are or the time is up."""

        def rows() -> Counter[int]:
            sql = "select (event_data->>'n')::int from events where event_data->>'run' = %s"
            return Counter(n for (n,) in self.stack.query(sql, self.run))

        return await asyncio.to_thread(until, rows, lambda found: len(found) >= self.tracked, 20)

    async def pages_landed(self, expected: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
        """Rows of the shop's pages, by type and subject, without page speed."""

        def rows() -> Counter[tuple[str, str]]:
            sql = """select event_type, coalesce(event_data->>'button', event_data->>'form', event_data->>'message', page)
                from events where page like %s and event_type <> 'web_vital'"""
            prefix = f"/shop-{self.run}/"
            return Counter(
                (kind, subject.removeprefix(prefix)) for kind, subject in self.stack.query(sql, prefix + "%")
            )

        return await asyncio.to_thread(until, rows, lambda found: found == expected, 20)


@pytest_asyncio.fixture(loop_scope="session")
async def visit(chromium: Browser, stack: Stack) -> AsyncIterator[Visit]:
    context = await chromium.new_context()
    opened = Visit(context, stack)
    await opened.begin()
    yield opened
    assert opened.complaints == []
    await context.close()


def once(visit: Visit) -> Counter[int]:
    return Counter(range(visit.tracked))


async def test_automatic_events_of_a_page_arrive_once(visit: Visit) -> None:
    page = await visit.open("start?utm_source=mail&token=secret")
    await page.evaluate("history.pushState(null, '', 'list'), history.replaceState(null, '', 'list?sorted=up')")
    await page.click("#buy")
    await page.fill("[name=password]", SECRET)
    await page.fill("[name=email]", f"{SECRET}@example.com")
    await page.evaluate("document.forms[0].addEventListener('submit', (event) => event.preventDefault())")
    await page.click("form button")
    await page.evaluate("setTimeout(() => { throw new RangeError('too far') }), void Promise.reject('no reason')")
    await page.go_back()
    await page.click("#next")  # the queue is sent while the page unloads
    await page.wait_for_url("**/next")
    await page.go_back()
    await page.close()
    expected = Counter(
        {
            ("page_view", "start"): 3,  # loading, Back within the page, Back from the next page
            ("page_view", "list"): 1,
            ("page_view", "next"): 1,
            ("button_click", "buy"): 1,
            ("button_click", "sign-up button"): 1,
            ("button_click", "next"): 1,
            ("form_submit", "sign-up"): 1,
            ("error_encountered", "Uncaught RangeError: too far"): 1,
            ("error_encountered", "no reason"): 1,
        }
    )
    assert await visit.pages_landed(expected) == expected
    campaigns = "select distinct utm_source from events where event_type = 'page_view' and page like %s"
    assert visit.stack.query(campaigns, f"/shop-{visit.run}/start") == [("mail",)]
    leaked = visit.stack.query("select count(*) from events where events::text like %s", f"%{SECRET}%")
    assert leaked == [(0,)]


async def test_page_speed_arrives_when_the_page_is_left(visit: Visit) -> None:
    page = await visit.open("speed")
    await page.wait_for_timeout(300)
    await page.close()
    sql = "select event_data->>'metric' from events where event_type = 'web_vital' and page like %s order by 1"

    def metrics() -> list[str]:
        return [metric for (metric,) in visit.stack.query(sql, f"/shop-{visit.run}/%")]

    found = await asyncio.to_thread(until, metrics, lambda found: len(found) == 4, 20)
    assert found == ["CLS", "FCP", "LCP", "TTFB"]  # nobody clicked, so no INP


async def test_navigation_tab_close_and_two_tabs_lose_nothing(visit: Visit) -> None:
    first, second = await visit.open("a"), await visit.open("b")
    for name in ("c", "d", "e"):
        await visit.track(first, 5)
        await visit.track(second, 5)
        await first.goto(f"{visit.stack.url}/shop-{visit.run}/{name}")
        await first.wait_for_function("window.footfall")
    await visit.track(first, 5)
    await visit.track(second, 5)
    await first.close()
    await second.close()
    assert await visit.landed() == once(visit)


async def test_offline_and_back_and_closed_while_offline_loses_nothing(visit: Visit) -> None:
    page, other = await visit.open("a"), await visit.open("b")
    await visit.context.set_offline(True)
    await visit.track(page, 25)
    await visit.track(other, 5)
    await page.wait_for_timeout(600)
    await other.close()
    await visit.track(page, 5)
    await page.close()
    await visit.context.set_offline(False)
    await (await visit.open("c")).wait_for_timeout(500)
    last = await visit.open("d")
    await visit.context.set_offline(True)
    await visit.track(last, 5)
    await last.wait_for_timeout(300)
    await visit.context.set_offline(False)
    assert await visit.landed() == once(visit)


@pytest.mark.parametrize("status", [429, 503])
async def test_events_wait_for_retry_after_across_a_navigation(visit: Visit, status: int) -> None:
    times: list[float] = []

    async def reject_once(route: Route) -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            await route.fulfill(status=status, headers={"retry-after": "2"}, json={"success": False})
        else:
            await route.fallback()

    await visit.context.route(COLLECT, reject_once)
    page = await visit.open("a")
    await visit.track(page, 20)
    await page.wait_for_timeout(300)
    await visit.track(page, 3)
    await page.goto(f"{visit.stack.url}/shop-{visit.run}/b")
    assert await visit.landed() == once(visit)
    assert times[1] - times[0] >= 2


@pytest.mark.parametrize("storage", [FILL_STORAGE, NO_STORAGE], ids=["full", "blocked"])
async def test_without_storage_events_wait_in_the_page(visit: Visit, storage: str) -> None:
    await visit.context.add_init_script(storage)
    page = await visit.open("a")
    await visit.context.set_offline(True)
    await visit.track(page, 30)
    await page.wait_for_timeout(500)
    await visit.context.set_offline(False)
    assert await visit.landed() == once(visit)
