"""What pages say about where events happened, from the SDK in a real Chromium to the head of the record in Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route

from avro_schemas.wire.codec import decode
from service_kit.kafka.settings import KafkaSettings
from tests.support.topics import read_all
from tests.support.workers import Worker

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

KEY = "a session key of thirty-two characters"
COLLECT = "**/api/analytics/collect"
# The fields that say where an event happened, in the order of the head.
CONTEXT = ("site", "language", "screen", "release", "hostname", "page", "route", "source", "channel")
WITH_ROUTE = """<script>
  withRoute = (event) => ({ ...event, context: { route: event.event_data.page.replace(/\\d+/, ":id") } })
</script>"""
# What a script of before the context sends, which browsers have in their caches.
OLD_REQUEST = """fetch("/api/analytics/collect", { method: "POST", keepalive: true, credentials: "include",
  body: JSON.stringify({ sent_at: new Date().toJSON(), sdk: "0.1.0", dropped: 0, events: [
    { event_type: "page_view", event_data: { page: "/old?utm_source=mail", referrer: "/", title: "Old" }, timestamp: new Date().toJSON() },
  ] }) }).then((response) => response.json())"""


class Shop:
    """Pages on the collector's own origin; `tags` are their script tags."""

    def __init__(self, browser: Browser, collector: Worker, settings: KafkaSettings) -> None:
        self._browser, self._settings = browser, settings
        self.url = f"http://127.0.0.1:{collector.port}"
        self.contexts: list[BrowserContext] = []
        self.tags = tag()

    async def visitor(self) -> BrowserContext:
        """A signed-in visitor with a German phone."""
        context = await self._browser.new_context(locale="de-DE", screen={"width": 390, "height": 844})
        self.contexts.append(context)
        token = jwt.encode({"sub": "ann", "exp": time.time() + 600}, KEY)
        await context.add_cookies([{"name": "session", "value": token, "url": self.url}])
        await context.route("**/shop/**", self._serve)
        return context

    async def _serve(self, route: Route) -> None:
        html = f'<!doctype html><html lang="en"><title>Shop</title>{self.tags}<h1>Shop</h1><button id="buy">Buy</button>'
        await route.fulfill(body=html, content_type="text/html")

    async def open(self, context: BrowserContext, path: str, **options: Any) -> Page:
        """A page of the shop whose script has run."""
        page = await context.new_page()
        await page.goto(f"{self.url}/shop/{path}", **options)
        await page.wait_for_function("window.footfall")
        return page

    async def published(self, page: Page, at_least: int = 0) -> list[dict[str, Any]]:
        """The events in Kafka, in the order in which they occurred, once the page has sent its own.

        After an outage it may send them later: with `at_least` so many are waited for.
        """
        await page.evaluate("footfall.flush()")
        read = await read_all(self._settings.kafka_bootstrap, self._settings.name("events"))
        async with asyncio.timeout(60):
            while len(read) < at_least:
                await asyncio.sleep(0.2)
                read = await read_all(self._settings.kafka_bootstrap, self._settings.name("events"))
        return sorted((decode(record.value)[1] for record in read), key=lambda event: event["event_id"])


def tag(**attributes: str) -> str:
    """The script tag of a page with these attributes."""
    data = "".join(f' data-{name}="{value}"' for name, value in attributes.items())
    return f'<script defer src="/sdk/footfall.js" data-bots="on"{data}></script>'


def said(event: dict[str, Any]) -> dict[str, Any]:
    """Of the head, what says where the event happened and is not null."""
    return {name: event[name] for name in CONTEXT if event[name] is not None}


@pytest.fixture
def collector(settings: KafkaSettings, tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(
        "producer_api",
        tmp_path / "collector.log",
        port="PORT",
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
        hash_key="a hash key for tests",
        session_key=KEY,
        host="127.0.0.1",
        unknown_events="accept",
    )
    worker.start()
    yield worker
    worker.end()


@pytest_asyncio.fixture(loop_scope="session")
async def shop(chromium: Browser, collector: Worker, settings: KafkaSettings) -> AsyncIterator[Shop]:
    opened = Shop(chromium, collector, settings)
    yield opened
    for context in opened.contexts:
        await context.close()


async def test_the_head_says_where_each_event_of_a_visit_happened(shop: Shop) -> None:
    shop.tags = tag(site="shop", release="2026.3")
    page = await shop.open(
        await shop.visitor(), "?utm_source=news&utm_campaign=may&token=secret", referer="https://www.google.com/"
    )
    await page.evaluate("history.pushState(null, '', '/shop/products/7')")
    await page.evaluate("document.body.addEventListener('click', (event) => event.stopPropagation())")
    await page.click("#buy")
    landing, product, click = await shop.published(page)
    common = {"site": "shop", "language": "de-DE", "screen": "xs", "release": "2026.3", "hostname": "127.0.0.1"}
    assert said(landing) == common | {"page": "/shop/", "source": "google.com", "channel": landing["channel"]}
    assert (landing["utm_source"], landing["utm_campaign"], landing["utm_term"]) == ("news", "may", None)
    assert landing["channel"] is not None
    assert said(product) == common | {"page": "/shop/products/7"}  # within the visit
    assert said(click) == common | {"page": "/shop/products/7"}
    assert "secret" not in str([landing, product, click])


async def test_a_page_of_a_server_and_an_application_with_a_router_say_the_route(shop: Shop) -> None:
    shop.tags = tag(route="/shop/products/:id")
    visitor = await shop.visitor()
    (view,) = await shop.published(await shop.open(visitor, "products/7"))
    assert view["route"] == "/shop/products/:id"
    shop.tags = WITH_ROUTE + tag(before="withRoute")
    page = await shop.open(visitor, "orders/1")
    await page.evaluate("history.pushState(null, '', '/shop/orders/2/items')")
    (_, first, second) = await shop.published(page)
    assert (first["route"], second["route"]) == ("/shop/orders/:id", "/shop/orders/:id/items")


async def test_each_field_about_the_browser_can_be_left_out(shop: Shop) -> None:
    visitor, bodies = await shop.visitor(), list[str]()
    visitor.on("request", lambda request: bodies.append(request.post_data or ""))
    for context in ("hostname,language", "screen_width", "off"):
        shop.tags = tag(context=context, auto="off")
        page = await shop.open(visitor, "")
        await page.evaluate("footfall.track('scroll', {})")
        events = await shop.published(page)
        for name in ("hostname", "language", "screen_width"):
            assert (f'"{name}":' in bodies[-1]) == (name in context)
    assert [event["screen"] for event in events] == [None, "xs", None]
    # Browsers say both in their headers too.
    assert {(event["hostname"], event["language"]) for event in events} == {("127.0.0.1", "de-DE")}


async def test_events_of_a_page_that_went_offline_have_its_release(shop: Shop) -> None:
    shop.tags = tag(auto="off", site="shop", release="1")
    visitor = await shop.visitor()
    page = await shop.open(visitor, "a")
    await visitor.route(COLLECT, lambda route: route.abort())
    await page.evaluate("for (let n = 0; n < 20; n++) footfall.track('scroll', { n })")
    await page.wait_for_function("Object.keys(localStorage).some((name) => name.startsWith('footfall:'))")
    await page.close()
    await visitor.unroute(COLLECT)
    shop.tags = tag(auto="off", release="2")
    page = await shop.open(visitor, "b")
    await page.evaluate("footfall.track('scroll', { n: 20 })")
    events = await shop.published(page, at_least=21)
    assert [(event["site"], event["release"]) for event in events] == [("shop", "1")] * 20 + [("default", "2")]


async def test_a_script_of_before_the_context_is_served_as_ever(shop: Shop) -> None:
    page = await shop.open(await shop.visitor(), "", wait_until="load")
    answer = await page.evaluate(OLD_REQUEST)
    assert [result["status"] for result in answer["results"]] == ["accepted"]
    (old,) = [event for event in await shop.published(page) if event["page"] == "/old"]
    assert said(old) == {
        "site": "default",
        "language": "de-DE",
        "hostname": "127.0.0.1",
        "page": "/old",
        "channel": "mail",
    }
