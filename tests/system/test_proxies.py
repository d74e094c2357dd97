"""Pages that reach the collector through the proxies of docs/proxies.md, and a developer's first page, in Chromium."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support.site_proxies import SiteProxies, page, running
from tests.system.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

EVENT = '{"event_type": "test_event", "event_data": {"source": "proxies"}}'
# Posts a compressed body where the script sends its own, and tells how the script came.
POST_GZIP = """async ([path, event]) => {
  const body = await new Response(new Blob([event]).stream().pipeThrough(new CompressionStream("gzip"))).blob();
  const headers = { "Content-Type": "application/json", "Content-Encoding": "gzip" };
  const answer = await fetch(path, { method: "POST", headers, body });
  return [answer.status, (await answer.json()).message];
}"""
PROTOCOL = (
    """() => performance.getEntriesByType("resource").find(({ name }) => name.endsWith(".js")).nextHopProtocol"""
)
# The session of a Flask application on the same host.
FLASK = {"name": "session", "value": "eyJfZnJlc2giOmZhbHNlfQ.Z0tqLw.5u1Lr6sM2vUdl0FqJw9rY", "domain": "localhost"}


@pytest.fixture(scope="module")
def proxies(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProxies]:
    yield from running(tmp_path_factory.mktemp("proxies"), stack.port)


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """A developer whose browser has the cookie of another application on localhost."""
    # A page that a test fulfils is on no network, so that Chromium would ask whether it may reach this machine.
    made = await chromium.new_context(ignore_https_errors=True, permissions=["local-network-access"])
    await made.add_cookies([FLASK | {"path": "/"}])  # type: ignore[list-item] # playwright's own type
    yield made
    await made.close()


async def opened(visitor: BrowserContext, url: str) -> tuple[Page, list[str], dict[str, Any]]:
    """A page whose view was sent; what its console said, and the answer to what it sent."""
    shown = await visitor.new_page()
    said: list[str] = []
    shown.on("console", lambda message: said.append(message.text) if "footfall" in message.text else None)
    async with shown.expect_response(lambda answer: answer.request.method == "POST") as sent:
        await shown.goto(url)
        await shown.wait_for_function("window.footfall")
        await shown.evaluate("footfall.flush()")
    answer = await sent.value
    return shown, said, {"status": answer.status, "path": answer.url, **await answer.json()}


async def check(visitor: BrowserContext, url: str, send: str, protocol: str) -> None:
    """The view of a page arrives, nothing is said, and compressed bodies pass."""
    shown, said, answer = await opened(visitor, url)
    assert (answer["status"], answer["success"]) == (200, True)
    assert answer["path"].endswith(send)
    assert said == []
    assert await shown.evaluate(PROTOCOL) == protocol
    assert await shown.evaluate(POST_GZIP, [send, EVENT]) == [200, "Event recorded successfully"]
    await shown.close()


async def test_nginx_with_http_2_and_with_a_path_of_its_own(visitor: BrowserContext, proxies: SiteProxies) -> None:
    usual, own = proxies.nginx()
    await check(visitor, usual, "/insights/api/analytics/collect", "h2")
    await check(visitor, own, "/insights/send", "h2")


async def test_caddy_with_http_2(visitor: BrowserContext, proxies: SiteProxies) -> None:
    await check(visitor, proxies.caddy(), "/insights/api/analytics/collect", "h2")


async def test_the_short_form_of_vite_which_rewrites_host_and_rewrites_as_of_next(
    visitor: BrowserContext, proxies: SiteProxies, node_modules: Path
) -> None:
    shown, said, answer = await opened(visitor, proxies.vite(node_modules))
    assert (answer["status"], answer["success"]) == (200, True)
    assert said == []
    for path in ("/api/analytics/collect", "/next/api/analytics/collect"):
        assert await shown.evaluate(POST_GZIP, [path, EVENT]) == [200, "Event recorded successfully"]
    assert await sent_by_react(visitor, f"{shown.url}react.html") == ["page_view", "button_click", "feature_used"]


async def sent_by_react(visitor: BrowserContext, url: str) -> list[str]:
    """The types of the events that an application in React's strict mode sends with the npm package."""
    shown, said = await visitor.new_page(), list[str]()
    shown.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    await shown.goto(url)
    await shown.get_by_role("button").click()
    async with shown.expect_response(lambda answer: answer.request.method == "POST") as sent:
        await shown.evaluate("flush()")
    answer = await sent.value
    assert (answer.status, said) == (200, [])
    assert await shown.evaluate("document.body.dataset.html") == "<button>Export</button>"
    return [event["event_type"] for event in answer.request.post_data_json["events"]]


async def test_the_debug_bar_shows_each_event_its_verdict_and_what_is_wrong(
    visitor: BrowserContext, stack: Stack
) -> None:
    tag = page(f"{stack.url}/sdk/footfall.js", debug="bar")
    await visitor.route("**/shop", lambda route: route.fulfill(body=tag, content_type="text/html"))
    await visitor.add_init_script(
        "Element.prototype.attachShadow = ((attach) => function (how) { return attach.call(this, { ...how, mode: 'open' }) })"
        "(Element.prototype.attachShadow)"
    )
    shown, said, _answer = await opened(visitor, "http://localhost:4321/shop")
    bar = shown.locator("footfall-debug")
    await expect(bar).to_contain_text(f"sends to {stack.url}/api/analytics/collect")
    await expect(bar).to_contain_text('"page_view": accepted')
    await shown.evaluate("footfall.track('page_view', {}); footfall.flush()")
    await expect(bar).to_contain_text('event "page_view" was rejected. /event_data/page')
    await shown.evaluate("footfall.track('feature_used', { feature: 'export' }); footfall.flush()")
    await expect(bar).to_contain_text('"feature_used": accepted')
    await shown.evaluate("footfall.track('basket_packed', { items: 3 }); footfall.flush()")
    await expect(bar).to_contain_text("`footfall types accept NAME` adds one")
    assert len([text for text in said if re.match("footfall event .* was rejected", text)]) == 2
    box = await bar.locator("details").bounding_box()
    assert box
    assert box["y"] + box["height"] == await shown.evaluate("innerHeight")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param(
            "navigator.__defineGetter__('globalPrivacyControl', () => true)", "Global Privacy Control", id="GPC"
        ),
        pytest.param("navigator.__defineGetter__('doNotTrack', () => '1')", "Do Not Track", id="DNT"),
    ],
)
async def test_the_debug_bar_says_why_nothing_is_sent(
    visitor: BrowserContext, stack: Stack, script: str, says: str
) -> None:
    tag = page(f"{stack.url}/sdk/footfall.js", debug="bar")
    await visitor.route("**/shop", lambda route: route.fulfill(body=tag, content_type="text/html"))
    await visitor.add_init_script(script)
    shown = await visitor.new_page()
    async with shown.expect_console_message(lambda message: says in message.text):
        await shown.goto("http://localhost:4321/shop")
    await expect(shown.locator("footfall-debug")).to_have_count(1)
