"""The page for frontend developers in a real browser: its examples work, events can be tried, and it is accessible."""

import json
import re
import shlex
import subprocess

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.support.browsers import Barriers
from tests.system.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def open_page(context: BrowserContext, stack: Stack) -> Page:
    page = await context.new_page()
    await page.goto(stack.url + "/docs/collect")
    return page


def output_of(command: str) -> str:
    words = shlex.split(command.replace("\\\n", " "))
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


async def test_every_example_is_accepted_as_printed(context: BrowserContext, stack: Stack) -> None:
    page = await open_page(context, stack)
    events = await page.locator("[data-event]").all_text_contents()
    assert len(events) > 4
    for text in events:
        answer = stack.post(text.encode())
        assert answer.status_code == 200, f"{text}: {answer.text}"
    (curl,) = await page.locator("[data-curl]").all_text_contents()
    assert json.loads(output_of(curl))["message"] == "Event recorded successfully"
    for program in await page.locator("[data-fetch]").all_text_contents():
        program = program.replace("await fetch", "return await fetch")
        answered = await page.evaluate(
            f"(async () => {{ const a = await (async () => {{ {program} }})(); return a.json(); }})()"
        )
        assert answered["success"] is True, program


async def test_an_event_can_be_tried_with_the_keyboard_and_is_seen_to_arrive(
    context: BrowserContext, stack: Stack
) -> None:
    page = await open_page(context, stack)
    await page.get_by_label("Event type", exact=True).focus()
    await page.keyboard.type("scroll")
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Event", exact=True)).to_be_focused()
    await expect(page.get_by_label("Event", exact=True)).to_have_value(re.compile('"event_type": "scroll"'))
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text(re.compile(r"200 after \d+ ms"))
    await expect(page.get_by_label("Response", exact=True)).to_contain_text("Event recorded successfully")
    steps = page.get_by_role("list", name="Path of the event").get_by_role("listitem")
    await expect(steps.nth(1)).to_have_text(re.compile(r"Counted after \d+ ms: scroll went"), timeout=15_000)


async def test_an_invalid_event_is_explained_and_validating_records_nothing(
    context: BrowserContext, stack: Stack
) -> None:
    page = await open_page(context, stack)
    await page.get_by_label("Event", exact=True).fill(
        '{"event_type": "pageview<img onerror=alert(1) src=x>", "event_data": {}}'
    )
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("status")).to_have_text(re.compile("400 after"))
    await expect(page.get_by_label("Response", exact=True)).to_contain_text("event_type_unknown")
    await page.get_by_label("Event", exact=True).fill('{"event_type": "click", "event_data": {}}')
    await page.get_by_role("button", name="Validate only").click()
    await expect(page.get_by_label("Response", exact=True)).to_contain_text("nothing was recorded")
    assert await page.locator("img").count() == 0


async def test_the_page_says_so_if_it_cannot_read_the_dashboard(context: BrowserContext, stack: Stack) -> None:
    await context.route("**/dashboard/**", lambda route: route.fulfill(status=403, body=""))
    page = await open_page(context, stack)
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_text("not visible from here")).to_be_visible()


async def test_the_script_tag_of_the_page_passes_the_integrity_check(
    context: BrowserContext, stack: Stack
) -> None:
    page = await open_page(context, stack)
    tags = await page.locator("[data-copy]").all_text_contents()
    (checked,) = [tag for tag in tags if "integrity" in tag]
    assert stack.url + "/sdk/all." in checked
    shop = await context.new_page()
    await shop.goto(f"http://127.0.0.1:{stack.port}/healthz")  # another origin than localhost
    await shop.set_content(checked)
    assert await shop.evaluate("Object.keys(window.footfall)") == ["track", "flush", "consent"]


TAG = '<!doctype html><title>Shop</title><script defer src="{}/sdk/footfall.js" data-bots="on"></script>'


@pytest.mark.parametrize(
    ("url", "html", "said"),
    [
        pytest.param("http://localhost:5173/cart", TAG, "Arrived: page_view of /cart.", id="development server"),
        pytest.param(
            "https://shop.example/cart",
            TAG,
            "Rejected: origin_not_allowed. Expected: https://shop.example in FOOTFALL_ALLOWED_ORIGINS",
            id="origin that is not listed",
        ),
        pytest.param(
            "https://shop.example/", "no tag", "Nothing arrived from shop.example within 20 s", id="no tag"
        ),
    ],
)
async def test_the_page_says_whether_the_script_is_installed_on_a_page(
    context: BrowserContext, stack: Stack, url: str, html: str, said: str
) -> None:
    await context.grant_permissions(["local-network-access"])
    await context.route(url, lambda route: route.fulfill(body=html.format(stack.url), content_type="text/html"))
    page = await open_page(context, stack)
    if html == "no tag":
        await page.evaluate("window.setTimeout = ((real) => (call, ms) => real(call, ms / 20))(setTimeout)")
    await page.get_by_label("URL of your page").fill(url)
    await page.get_by_role("button", name="Open and check").click()
    await expect(page.get_by_role("log")).to_contain_text(said, timeout=15_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
async def test_the_page_is_accessible(
    chromium: Browser, stack: Stack, barriers: Barriers, theme: str, width: int
) -> None:
    context = await chromium.new_context(color_scheme=theme, viewport={"width": width, "height": 800})  # type: ignore[arg-type] # one of two
    page = await open_page(context, stack)
    complaints: list[ConsoleMessage] = []
    page.on("console", lambda message: complaints.append(message))
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("status")).to_have_text(re.compile("200 after"))
    assert await barriers(page, theme) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []
    await context.close()


async def test_the_page_is_readable_without_javascript_and_loads_nothing_from_elsewhere(
    chromium: Browser, stack: Stack
) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    answer = await page.goto(stack.url + "/docs/collect")
    assert answer
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert all(url.startswith(stack.url) for url in requested)
    await expect(page.get_by_role("heading", name="Event types")).to_be_visible()
    await expect(page.locator("noscript p")).to_be_visible()
    await expect(page.get_by_role("button")).to_have_count(0)
    await context.close()
