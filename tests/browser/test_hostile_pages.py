"""The SDK in a real Chromium on pages that get in its way. Pages, scripts and collector are answered by the test itself."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route

from producer_api.routes.sdk import script

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

URL = "http://shop.test/"
STATS = "http://stats.shop.test/"
TAG = '<script defer src="/sdk/footfall.js" data-bots="on"></script>'
# Elements whose names are those of properties of the document and the window, as visitors' markup may bring them.
CLOBBERED = "".join(
    f'<img name="{name}" src="http://evil.test/a/b.png" data-bots="on" data-before="scrub">'
    for name in ("currentScript", "cookie", "body", "title", "referrer", "hidden", "prerendering", "createElement")
)
TWICE = '<form name="currentScript"></form><form name="currentScript"></form><iframe name="title"></iframe>'
ANY_ORIGIN = {"access-control-allow-origin": "*"}
# What Prototype 1.6 puts on dates and arrays.
PROTOTYPE = """<script>
Date.prototype.toJSON = function () { return '"' + this.toISOString() + '"'; };
Array.prototype.toJSON = function () { return "[" + this.map((each) => JSON.stringify(each)).join(", ") + "]"; };
</script>"""
FORM = '<form id="parcel" onsubmit="return false"><button id="send">Price</button>' + "".join(
    f'<input name="{name}" value="30">'
    for name in ("length", "id", "localName", "getAttribute", "closest", "matches", "parentElement")
)
SHADOW = """<x-buy></x-buy><dialog id="ask"><form method="dialog"><button name="yes">Yes</button></form></dialog><script>
customElements.define("x-buy", class extends HTMLElement { constructor() { super(); this.attachShadow({ mode: "open" }).innerHTML =
  '<button data-track="buy-now">Buy</button><form id="mail" onsubmit="return false"><button id="go">Go</button></form>'; } });
document.getElementById("ask").showModal();
</script>"""
# Every way to throw while the script's listeners run.
ODD = """<script>addEventListener("load", () => {
  for (const target of [document, window, document.createTextNode("x")])
    for (const type of ["submit", "click", "error", "focusin"]) target.dispatchEvent(new Event(type));
  dispatchEvent(new PromiseRejectionEvent("unhandledrejection", { promise: Promise.resolve(), reason: { get message() { throw 1 } } }));
});</script>"""


class Shop:
    """Serves pages of one origin and the SDK, and is the collector, which answers with `status` and `body`."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.posts: list[tuple[str, Any]] = []
        self.said: list[str] = []
        self.thrown: list[str] = []
        self.html = ""
        self.headers: dict[str, str] = {}
        self.answer: dict[str, Any] = {"status": 200, "json": {}}

    async def serve(self, route: Route) -> None:
        """Answer a request."""
        request = route.request
        if request.method == "POST":
            self.posts.append((request.url, request.post_data_json))
            await route.fulfill(**self.answer, headers=_cors(request.headers.get("origin")))
        elif "/sdk/" in request.url:
            name = request.url.rpartition("/")[2].removesuffix(".js")
            await route.fulfill(body=script(name).contents[""], content_type="text/javascript", headers=ANY_ORIGIN)
        else:
            await route.fulfill(body=self.html, content_type="text/html", headers=self.headers)

    async def open(self, body: str, head: str = TAG) -> Page:
        """A page, once its scripts have run. Markup of visitors comes before the tag."""
        self.html = f'<!doctype html><html lang="en"><title>Shop</title>{head}<main>{body}</main>'
        page = await self.context.new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.thrown.append(str(error)))
        await page.goto(URL, wait_until="networkidle")
        return page

    async def sent(self, page: Page, collector: str = URL) -> list[dict[str, Any]]:
        """All events, once the page has sent its own; they all came to this collector."""
        await page.evaluate("footfall.flush()")
        assert {url for url, _ in self.posts} <= {f"{collector}api/analytics/collect"}
        return [event for _, post in self.posts for event in post["events"]]


def _cors(origin: str | None) -> dict[str, str]:
    return {"access-control-allow-origin": origin, "access-control-allow-credentials": "true"} if origin else {}


@pytest_asyncio.fixture(loop_scope="session")
async def shop(chromium: Browser) -> AsyncIterator[Shop]:
    context = await chromium.new_context()
    made = Shop(context)
    await context.route("**/*", made.serve)
    yield made
    await context.close()


def names(events: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """Each type with what it is about."""
    about = ("button", "form", "message", "title", "feature")
    return [
        (event["event_type"], next(event["event_data"][key] for key in about if key in event["event_data"]))
        for event in events
    ]


@pytest.mark.parametrize("markup", [CLOBBERED, TWICE], ids=["images", "forms and frames"])
async def test_markup_of_visitors_does_not_lead_the_script_elsewhere(shop: Shop, markup: str) -> None:
    page = await shop.open('<button id="buy">Buy</button>', head=markup + TAG)
    assert await page.evaluate("document.currentScript !== null")  # the page does stand in for it
    await page.click("#buy")
    assert names(await shop.sent(page)) == [("page_view", "Shop"), ("button_click", "buy")]
    assert shop.thrown == []


async def test_elements_are_neither_the_script_nor_functions_of_the_page(shop: Shop) -> None:
    named = '<section id="footfall"><embed id="scrub"><object id="scrub"></object></section>'
    page = await shop.open("", head=named + TAG.replace("data-bots", 'data-before="scrub" data-bots'))
    assert await page.evaluate("Object.keys(footfall)") == ["track", "flush", "consent"]
    assert await shop.sent(page) == []
    assert any("the page has no function scrub, which data-before names" in line for line in shop.said)
    await page.evaluate("window.scrub = (event) => event")
    await page.evaluate("footfall.track('feature_used', { feature: 'x' })")
    assert names(await shop.sent(page)) == [("feature_used", "x")]


async def test_forms_shadow_roots_dialogs_and_odd_events(shop: Shop) -> None:
    page = await shop.open(FORM + "</form>" + SHADOW + ODD)
    await page.evaluate(
        """() => { // Playwright itself cannot click on such a form
            const shop = document.querySelector("x-buy").shadowRoot;
            const buttons = [document.querySelector("dialog button"), ...shop.querySelectorAll("button"), document.getElementById("send")];
            for (const button of buttons) button.click();
        }"""
    )
    events = await shop.sent(page)
    assert [event for event in names(events) if event[0] != "page_view"] == [
        ("button_click", "yes"),
        ("form_submit", "ask form"),
        ("button_click", "buy-now"),
        ("button_click", "go"),
        ("form_submit", "mail"),
        ("button_click", "send"),
        ("form_submit", "parcel"),
    ]
    assert events[-1]["event_data"]["field_count"] == 8
    assert shop.thrown == []


async def test_a_page_that_changed_built_ins_sends_what_the_collector_reads(shop: Shop) -> None:
    page = await shop.open("", head=PROTOTYPE + TAG)
    await page.evaluate("footfall.track('feature_used', { feature: 'x', list: [1, ['a']] })")
    _, event = await shop.sent(page)
    assert event["event_data"]["list"] == [1, ["a"]]
    assert event["timestamp"].startswith("20")
    shop.answer = {"status": 503}
    await page.evaluate("for (let n = 0; n < 20; n++) footfall.track('feature_used', { feature: 'y', list: [n] })")
    await page.wait_for_function("Object.keys(localStorage).length")
    await page.close()
    shop.answer = {"status": 200, "json": {}}
    shop.posts.clear()
    events = await shop.sent(await shop.open("", head=PROTOTYPE + TAG))
    assert [event["event_data"]["list"][0] for event in events if event["event_type"] == "feature_used"] == [
        *range(20)
    ]


async def test_titles_come_after_paths_and_floods_are_one_view(shop: Shop) -> None:
    page = await shop.open("<script>addEventListener('load', () => { throw new Error('early') })</script>")
    await page.evaluate(
        """async () => {
            for (let n = 0; n < 150; n++) history.replaceState(null, "", "/map/" + n);
            history.pushState(null, "", "/list");
            setTimeout(() => (document.title = "List"), 50);
            await new Promise((done) => setTimeout(done, 500));
        }"""
    )
    events = await shop.sent(page)
    views = [event["event_data"] for event in events if event["event_type"] == "page_view"]
    assert [(view["page"], view["title"]) for view in views] == [("/", "Shop"), ("/list", "List")]
    (error,) = [event["event_data"] for event in events if event["event_type"] == "error_encountered"]
    assert (error["message"], error["kind"]) == ("Uncaught Error: early", "Error")
    assert URL in error["stack"]


async def test_a_strict_content_policy_needs_nothing_more(shop: Shop) -> None:
    shop.headers = {"content-security-policy": "default-src 'none'; script-src 'nonce-abc'; connect-src 'self'"}
    page = await shop.open("<button id='buy'>Buy</button>", head=TAG.replace("defer", 'nonce="abc" defer'))
    await page.click("#buy")
    assert names(await shop.sent(page)) == [("page_view", "Shop"), ("button_click", "buy")]
    assert shop.said == []


@pytest.mark.parametrize(
    "policy",
    [
        "",
        f"default-src 'none'; script-src 'nonce-abc'; connect-src {STATS}",
        "sandbox allow-scripts",
    ],
    ids=["no policy", "strict", "sandboxed"],
)
async def test_a_script_of_another_origin_finds_its_other_files(shop: Shop, policy: str) -> None:
    shop.headers = {"content-security-policy": policy}
    tag = TAG.replace('src="/', f'nonce="abc" src="{STATS}').replace("data-bots", 'data-before="none" data-bots')
    page = await shop.open("<button id='buy'>Buy</button>", head=tag)
    assert any("the page has no function none" in line for line in shop.said)  # the file for the console
    await page.evaluate("window.none = (event) => event")
    await page.click("#buy")
    assert names(await shop.sent(page, STATS)) == [("button_click", "buy")]


async def test_the_console_says_what_is_wrong_and_what_to_do(shop: Shop) -> None:
    await shop.open("", head=TAG.replace("defer", 'type="module"'))
    assert any('without type="module"' in line for line in shop.said)
    shop.said.clear()
    error = {"code": "origin_not_allowed", "pointer": "", "message": "no", "expected": "", "got": ""}
    shop.answer = {"status": 403, "content_type": "application/json", "body": json.dumps({"errors": [error]})}
    page = await shop.open("")
    await page.evaluate("footfall.flush()")
    await page.wait_for_timeout(200)
    sentences = [line for line in shop.said if line.startswith("footfall")]
    assert len(sentences) == 1
    assert "add http://shop.test to FOOTFALL_ALLOWED_ORIGINS" in sentences[0]
