"""The dashboard on a running pipeline: every panel agrees with the raw rows, in a real browser too."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browsers import CUT, Barriers
from tests.system.dashboard_events import ACCEPTED, BROWSER, EVIL, send_events, submitted
from tests.system.dashboard_rows import ERRORS, FEATURES, PANELS, PEOPLE, SPEED, TOP, feature_rows, ranked
from tests.system.stack import Stack, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]

# Rows as the page itself gets them, with those of programs.
EVERYBODY = "/dashboard/snapshot.json?rows=cells&programs=1"


@pytest.fixture(scope="module")
def busy_stack(first_stack: Stack) -> Stack:
    """A stack whose events have landed and are counted."""
    send_events(first_stack)
    count = [(ACCEPTED,)]
    assert until(lambda: first_stack.query("select count(*) from events"), count.__eq__, seconds=60) == count
    counted = until(
        lambda: first_stack.get(EVERYBODY).json(),
        lambda shown: shown["figures"]["last_hour"] == ACCEPTED and bool(shown["panels"]["rejected_reasons"]),
        seconds=60,
    )
    assert counted["figures"]["last_hour"] == ACCEPTED
    return first_stack


def without_people(stack: Stack, name: str, cells: int) -> dict[str, list[Any]]:
    """The rows of a panel; behind so many cells are people."""
    return {row: found[:cells] for row, found in stack.get(EVERYBODY).json()["panels"][name].items()}


@pytest.mark.parametrize("name", PANELS)
async def test_a_live_panel_agrees_with_the_rows(busy_stack: Stack, name: str) -> None:
    truth = ranked(busy_stack.query(PANELS[name]), TOP)
    assert truth, "the demo fills every panel"
    # Some windows are emitted a little later than others.
    cells = len(next(iter(truth.values())))
    panel = lambda: without_people(busy_stack, name, cells)  # noqa: E731
    shown = until(panel, truth.__eq__, seconds=60)
    assert shown == truth


async def test_the_live_page_leaves_programs_out_and_says_how_many_of_their_events(busy_stack: Stack) -> None:
    (people, programs), *_ = busy_stack.query(
        "select count(*) filter (where bot is null), count(*) filter (where bot is not null) from events"
    )
    views = dict(
        busy_stack.query(f"{PANELS['pages']} order by 2 desc".replace(" where", " where bot is null and"))
    )
    shown = until(
        lambda: busy_stack.get("/dashboard/snapshot.json").json(),
        lambda shown: (
            shown["figures"]["last_hour"] == people
            and all(row["views"] == views[row["page"]] for row in shown["panels"]["pages"])
        ),
        seconds=60,
    )
    assert (shown["figures"]["last_hour"], shown["figures"]["programs_left_out"]) == (people, programs)
    assert programs > 0
    assert {row["page"]: row["views"] for row in shown["panels"]["pages"]}.items() <= views.items()
    assert sum(map(sum, (counts.values() for counts in shown["minutes"].values()))) == people


async def test_live_errors_and_page_speed_agree_with_the_rows(busy_stack: Stack) -> None:
    panels = busy_stack.get(EVERYBODY).json()["panels"]
    truth = sorted(
        (page, count, int(first) // 60_000, int(last) // 60_000)
        for page, count, first, last in busy_stack.query(ERRORS)
    )
    shown = sorted(
        (page, count, first // 60_000, last // 60_000)
        for _e, page, count, first, last in panels["errors"].values()
    )
    assert shown == truth[: len(shown)] if len(truth) <= TOP else set(shown) <= set(truth)
    assert len(shown) == min(len(truth), TOP) > 0
    for metric, p75, samples in busy_stack.query(SPEED):
        _title, shown_p75, _rating, shares, counted = panels["web_vitals"][metric]
        assert counted == samples
        assert shown_p75 == pytest.approx(p75, rel=0.05, abs=0.01)
        assert sum(shares) == pytest.approx(100, abs=0.2)


async def test_people_features_minutes_and_outcomes_agree_with_the_rows(busy_stack: Stack) -> None:
    (people,) = busy_stack.query(PEOPLE)[0]
    features = dict(busy_stack.query(FEATURES))
    shown = until(
        lambda: busy_stack.get(EVERYBODY).json(),
        lambda shown: shown["figures"]["people_30"] == people and feature_rows(shown) == features,
        seconds=60,
    )
    assert shown["figures"]["people_30"] == people > 5
    assert feature_rows(shown) == features
    minutes = (
        "select extract(epoch from date_trunc('minute', occurred_at)) * 1000, count(*) from events group by 1"
    )
    truth = {str(int(start)): count for start, count in busy_stack.query(minutes)}
    assert {start: sum(counts.values()) for start, counts in shown["minutes"].items()} == truth
    assert shown["panels"]["rejected_reasons"] == {"event_type_unknown": [1]}
    ((_at, event_type, pointer, *_more),) = shown["panels"]["rejected_events"].values()
    assert (event_type, pointer) == ("never_heard_of", "/event_type")
    assert shown["pipeline"]["dead_letters"] == 0


async def test_the_page_shows_the_lag_of_each_consumer_group(busy_stack: Stack) -> None:
    caught_up = until(
        lambda: busy_stack.get(EVERYBODY).json()["panels"]["consumers"],
        lambda consumers: [cells[0] for cells in consumers.values()] == [0, 0],
        seconds=60,
    )
    assert {name: cells[:2] for name, cells in caught_up.items()} == {"stream app": [0, 0], "sinks": [0, 0]}


@pytest.mark.parametrize("name", PANELS)
async def test_a_history_panel_agrees_with_the_rows(busy_stack: Stack, name: str) -> None:
    shown = busy_stack.get("/dashboard/history.json?compare=1&programs=1&button=!none").json()["panels"][name]
    # With nothing to compare with, each row ends with a zero.
    cells = {row.pop(key): list(row.values()) for row in shown for key in [next(iter(row))]}
    assert {row: values[:-1] for row, values in cells.items()} == ranked(busy_stack.query(PANELS[name]), 300)
    assert {values[-1] for values in cells.values()} == {0}


async def test_which_feature_is_used_and_by_how_many_is_answered_on_page_and_in_json(busy_stack: Stack) -> None:
    truth = busy_stack.query(
        "select event_data ->> 'feature', count(*), count(distinct coalesce(user_key, visitor_key, session_key))"
        " from events where event_type = 'feature_used' and bot is null group by 1"
    )
    assert truth, "the demo uses features"
    features = busy_stack.get("/dashboard/history.json").json()["panels"]["features"]
    used = {
        row["value"]: row
        for row in features
        if (row["event_type"], row["property"]) == ("feature_used", "feature")
    }
    assert sorted((name, row["events"], row["people"]) for name, row in used.items()) == sorted(truth)
    page = busy_stack.get("/history?panel=features").text
    for name, events, _people in truth:
        assert f">{name}</a>" in page
        filtered = busy_stack.get(f"/dashboard/history.json?{urlencode({'prop': used[name]['name']})}").json()
        assert filtered["totals"]["events"]["current"] == events


async def test_filters_steps_and_totals_of_the_history_agree_with_the_rows(busy_stack: Stack) -> None:
    for query, where in (
        ("programs=1", "true"),
        ("", "bot is null"),
        ("type=page_view&type=button_click&range=7d&programs=1", "event_type in ('page_view', 'button_click')"),
        ("page=!/pricing&programs=1", "page is distinct from '/pricing'"),
        ("device=mobile&tz=Asia/Kolkata", "device = 'mobile' and bot is null"),
        ("source=(direct)&channel=direct&programs=1", "channel = 'direct'"),
        (
            "source=search.example&type=page_view",
            "source = 'search.example' and event_type = 'page_view' and bot is null",
        ),
        ("site=default&language=de-DE&screen=xl&programs=1", "language = 'de-DE' and screen = 'xl'"),
        ("country=DE&hostname=nowhere.example&release=0", "false"),
    ):
        # Of events, as visits have no buttons.
        shown = busy_stack.get(f"/dashboard/history.json?compare=1&button=!none&{query}").json()
        counts = (
            "count(distinct coalesce(user_key, visitor_key, session_key)) filter (where bot is null),"
            " count(*) filter (where event_type = 'page_view'), count(*)"
        )
        ((people, views, events),) = busy_stack.query(f"select {counts} from events where {where}")
        current = {name: total["current"] for name, total in shown["totals"].items()}
        assert current == current | {"people": people, "views": views, "events": events}
        assert sum(sum(step["counts"].values()) for step in shown["steps"]) == events
        assert sum(shown["previous_sums"]) == 0
    ((programs,),) = busy_stack.query("select count(*) from events where bot is not null")
    assert busy_stack.get("/dashboard/history.json").json()["program_events_left_out"] == programs


async def test_csv_files_of_the_history_hold_the_same(busy_stack: Stack) -> None:
    lines = busy_stack.get("/dashboard/history/buttons.csv?programs=1").text.splitlines()
    assert len(lines) == 1 + len(busy_stack.query(PANELS["buttons"]))
    assert busy_stack.get("/dashboard/history/nothing.csv").status_code == 404


@contextlib.asynccontextmanager
async def opened(browser: Browser, stack: Stack, path: str, **options: Any) -> AsyncIterator[Page]:
    """A page. When it is closed, its scripts must have logged no error."""
    context = await browser.new_context(**options)
    page, errors = await context.new_page(), list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}"))
    await page.goto(stack.url + path)
    yield page
    await context.close()
    assert errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/history?compare=1&type=!scroll&measure=bounce_rate", "/pipeline"])
async def test_axe_finds_no_barrier_in_either_theme(
    chromium: Browser, busy_stack: Stack, barriers: Barriers, scheme: Any, path: str
) -> None:
    async with opened(chromium, busy_stack, path, color_scheme=scheme) as page:
        if path in ("/", "/pipeline"):
            await page.wait_for_selector("#state[data-state=live]")
        for summary in await page.query_selector_all("summary:visible >> nth=0"):
            await summary.click()
        assert await barriers(page, scheme) == []


async def test_the_page_without_access_has_no_barrier(
    chromium: Browser, busy_stack: Stack, barriers: Barriers
) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    # With this host it is not `localhost`, and access is not granted.
    await page.goto(busy_stack.url.replace("localhost", "[::ffff:127.0.0.1]"))
    assert "disabled" in await page.inner_text("h1")
    assert await barriers(page) == []
    await context.close()


@pytest.mark.parametrize(
    "path", ["/", "/history?compare=1&measure=visits", "/pipeline", "/event-types", "/docs/collect", "/catalogue"]
)
async def test_on_a_phone_nothing_is_cut_off_or_written_letter_by_letter(
    chromium: Browser, busy_stack: Stack, path: str
) -> None:
    async with opened(chromium, busy_stack, path, viewport={"width": 360, "height": 740}) as page:
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        assert await page.evaluate(CUT) == []


async def test_times_are_in_the_zone_of_the_browser_from_the_first_visit_on(
    chromium: Browser, busy_stack: Stack
) -> None:
    async with opened(chromium, busy_stack, "/history?range=7d", timezone_id="Asia/Tokyo") as page:
        await page.wait_for_url("**/history?range=7d&tz=Asia%2FTokyo")
        assert await page.input_value("[name=tz]") == "Asia/Tokyo"
        assert "UTC+09:00" in await page.inner_text(".zone")
        await page.fill(".zone [name=tz]", "America/New_York")
        await page.locator(".zone [name=tz]").blur()
        await page.wait_for_url("**tz=America%2FNew_York")
        await page.goto(busy_stack.url + "/pipeline")
        await page.wait_for_url("**/pipeline?tz=America%2FNew_York")


async def test_the_same_header_leads_through_all_pages_with_the_keyboard_alone(
    chromium: Browser, busy_stack: Stack
) -> None:
    async with opened(chromium, busy_stack, "/history?type=page_view") as page:
        names = await page.locator("header.top nav a").all_inner_texts()
        for name in names:
            await page.locator("header.top nav a", has_text=name).focus()
            async with page.expect_navigation():
                await page.keyboard.press("Enter")
            assert await page.locator("header.top nav a").all_inner_texts() == names
            assert await page.locator("header.top nav [aria-current]").all_inner_texts() == [name]
        await page.goto(busy_stack.url + "/history?type=page_view")
        await page.locator(".chip a", has_text="all but").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/history?type=%21page_view")
        await page.locator("nav[aria-label='Measure of the chart'] a", has_text="Bounce rate").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**measure=bounce_rate")
        assert await page.inner_text("#chart-title") == "Bounce rate by hour"
        await page.locator("[name=compare]").focus()
        await page.keyboard.press("t")  # to "the period before"
        await page.get_by_role("button", name="Show").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**compare=1**")
        assert "measure=bounce_rate" in page.url


async def test_without_javascript_everything_but_the_feed_is_there(chromium: Browser, busy_stack: Stack) -> None:
    async with opened(chromium, busy_stack, "/", java_script_enabled=False) as page:
        text = await page.inner_text("main")
        assert EVIL in text
        for name in ("page_view", "newsletter", "LCP", "Safari"):
            assert name in text
        assert await page.locator(".plot rect").count() > 0
    async with opened(chromium, busy_stack, "/history?measure=people", java_script_enabled=False) as page:
        text = await page.inner_text("main")
        for name in ("People per hour", "Entry pages", "LCP", "What the numbers mean"):
            assert name in text
        assert await page.locator(".plot rect").count() > 0
    async with opened(chromium, busy_stack, "/pipeline", java_script_enabled=False) as page:
        text = await page.inner_text("main")
        for name in ("event_type_unknown", "stream app", "Newest audited day"):
            assert name in text


async def test_a_saved_view_is_something_to_compare_with(chromium: Browser, busy_stack: Stack) -> None:
    async with opened(chromium, busy_stack, "/history?tz=UTC&device=mobile") as page:
        await page.fill("[name=view]", "phones")
        await page.keyboard.press("Enter")
        await page.goto(busy_stack.url + "/history?tz=UTC")
        await page.get_by_label("Compare with phones").click()
        await page.wait_for_url("**compare=segment&against=**")
        assert "the segment in which Device is mobile" in await page.inner_text("main")
        people = await page.locator(".figures dd").first.inner_text()
        phones = busy_stack.get("/dashboard/history.json?device=mobile").json()["totals"]["people"]["current"]
        assert f"against {phones} in the other segment" in people


async def test_an_event_arrives_on_the_open_page_and_what_attacks_it_is_text(
    chromium: Browser, busy_stack: Stack
) -> None:
    async with opened(chromium, busy_stack, "/") as page:
        await page.wait_for_selector("#state[data-state=live]")
        await page.wait_for_timeout(1500)  # the feed begins with the first viewer
        row = page.locator("[data-panel=forms] tr", has_text=EVIL)
        assert await row.locator("td").all_inner_texts() == ["1", "1", "100 %"]
        assert await page.locator("[data-panel=forms] tr", has_text="__proto__").count() == 1
        busy_stack.post(submitted(EVIL), headers=BROWSER)
        await expect(row.locator("td").first).to_have_text("2")
        entry = page.locator("#feed li", has_text=EVIL).first
        await entry.locator("summary").click()
        assert "event_id" in await entry.locator("pre").inner_text()
        assert await page.locator("img[src=x]").count() == 0
        await page.click("#pause")
        assert await page.get_attribute("#pause", "aria-pressed") == "true"
        busy_stack.post(submitted(EVIL), headers=BROWSER)
        await expect(page.locator("#feed-count")).to_contain_text("1 new")
        shown = await page.locator("#feed li").count()
        await page.click("#pause")
        assert await page.locator("#feed li").count() == shown + 1


async def test_the_chart_is_read_with_the_keyboard(chromium: Browser, busy_stack: Stack) -> None:
    async with opened(chromium, busy_stack, "/") as page:
        await page.wait_for_selector("#state[data-state=live]")
        await page.focus("#cursor")
        seen = set()
        for _ in range(5):
            await page.keyboard.press("ArrowLeft")
            seen.add(await page.get_attribute("#cursor", "aria-valuetext"))
        # A minute may end meanwhile, and moves all bars by one.
        assert len(seen) >= 4
        assert await page.inner_text("#readout") == await page.get_attribute("#cursor", "aria-valuetext")
        await page.keyboard.press("Home")
        assert " events" in await page.inner_text("#readout")


async def test_a_hidden_tab_closes_its_stream_and_resumes_where_it_stopped(
    chromium: Browser, busy_stack: Stack
) -> None:
    async with opened(chromium, busy_stack, "/history") as page:
        await page.clock.install()
        urls: list[str] = []
        page.on(
            "request", lambda request: urls.append(request.url) if "/dashboard/stream" in request.url else None
        )
        await page.goto(busy_stack.url + "/")
        await page.wait_for_selector("#state[data-state=live]")
        hide = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        hide += " document.dispatchEvent(new Event('visibilitychange')); }"
        await page.evaluate(hide, True)
        await page.clock.fast_forward(10_500)
        async with page.expect_request("**/dashboard/stream*"):
            await page.evaluate(hide, False)
        assert len(urls) == 2
        assert urls[0].endswith("since=")
        assert not urls[1].endswith("since=")


async def test_without_a_stream_the_page_polls(chromium: Browser, busy_stack: Stack) -> None:
    context = await chromium.new_context()
    page = await context.new_page()
    await page.route("**/dashboard/stream*", lambda route: route.fulfill(status=503, body=json.dumps({})))
    await page.goto(busy_stack.url + "/")
    async with page.expect_response("**/dashboard/snapshot.json?*"):
        pass
    await page.wait_for_selector("#state[data-state=live]")
    await context.close()


async def test_the_stream_needs_access_too(busy_stack: Stack) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(busy_stack.url + "/dashboard/stream", headers={"host": "evil.example"})
    assert answer.status_code == 403
