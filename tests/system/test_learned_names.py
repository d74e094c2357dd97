"""A name is learned: an unknown event is recorded with a hint, proposed, accepted, and then known in strict mode too."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.browsers import Barriers
from tests.support.json_lines import json_lines
from tests.system.stack import Stack, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

TEA = {"event_type": "tea_made", "event_data": {"cups": 2, "kind": "oolong", "by": "somebody@example.org"}}
TYPO = {"event_type": "page_veiw", "event_data": {"page": "/"}}
# What the first users of the collector post, as their page shows it.
PRINTED = [
    {
        "event_type": "page_view",
        "event_data": {"page": "/dashboard", "referrer": "/login", "user_agent": "Mozilla/5.0..."},
        "timestamp": "2024-01-15T10:30:00Z",
    },
    {"event_type": "feature_used", "event_data": {"feature": "export_data"}},
    {"event_type": "scroll", "event_data": {"position": 500}},
    {"event_type": "click", "event_data": {"element": "nav_menu"}},
    {"event_type": "test_event", "event_data": {"source": "manual_test"}},
]
JSON_PAGE = "/dashboard/event-types.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A team's own contract, with an event of its own."""
    made = tmp_path_factory.mktemp("contract")
    (made / "custom_events.yaml").write_text("# Ours.\nsign_up: A user signed up.\n")
    return made


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Stack]:
    """A stack that accepts unknown events, as `footfall up` does by default, with the team's folder."""
    made = Stack(tmp_path_factory.mktemp("learned") / "data")
    del made.environ["FOOTFALL_UNKNOWN_EVENTS"]
    made.environ["FOOTFALL_CONTRACT"] = str(folder)
    try:
        made.start()
        yield made
    finally:
        if made.process and made.process.poll() is None:
            made.stop(signal.SIGTERM)


def proposed(stack: Stack) -> list[str]:
    return [each["event_type"] for each in stack.get(JSON_PAGE).json().get("proposed", [])]


def test_an_unknown_event_is_recorded_and_the_answer_says_what_may_be_meant(stack: Stack) -> None:
    assert "it is recorded as a custom event" in stack.post(TEA).json()["hint"]
    listed = stack.post([TYPO, TEA, {"event_type": "sign_up", "event_data": {}}]).json()["results"]
    assert [each["status"] for each in listed] == ["accepted"] * 3
    assert 'did you mean "page_view"?' in listed[0]["hint"]
    assert "hint" not in listed[2]


def test_it_is_proposed_with_its_properties_its_events_and_its_first_one(stack: Stack) -> None:
    assert until(lambda: sorted(proposed(stack)), bool, seconds=60) == ["page_veiw", "tea_made"]
    until(lambda: stack.query("select count(*) from events"), [(4,)].__eq__, seconds=60)
    (tea,) = json_lines(stack.footfall("types", "proposed", "tea_made", "--json").stdout)
    assert tea["events"] == 2
    assert {each["name"]: (each["types"], each["share"]) for each in tea["properties"]} == {
        "cups": (["number"], 1.0),
        "kind": (["string"], 1.0),
        "by": (["string"], 1.0),
    }
    # As it is stored: redacted.
    assert tea["example"]["event_data"] == TEA["event_data"] | {"by": "[email]"}
    assert "page_view" in stack.footfall("types", "proposed").stdout


def test_the_command_accepts_a_name_and_it_is_not_proposed_any_more(stack: Stack, folder: Path) -> None:
    mistyped = stack.footfall("types", "accept", "tea_maed")
    assert (mistyped.returncode, 'Did you mean "tea_made"?' in mistyped.stderr) == (1, True)
    accepted = stack.footfall("types", "accept", "tea_made", "--about", "Somebody made tea.")
    assert accepted.returncode == 0, accepted.stderr
    text = (folder / "custom_events.yaml").read_text()
    assert text == "# Ours.\nsign_up: A user signed up.\ntea_made: Somebody made tea.\n"
    # Nothing was restarted: the folder is read at each request.
    assert proposed(stack) == ["page_veiw"]


@pytest.mark.asyncio(loop_scope="session")
async def test_an_editor_accepts_a_name_on_the_page_with_the_keyboard(
    chromium: Browser, stack: Stack, folder: Path, barriers: Barriers
) -> None:
    for scheme in ("light", "dark"):
        context = await chromium.new_context(color_scheme=scheme)  # type: ignore[arg-type] # one of the two
        page = await context.new_page()
        await page.goto(stack.url + "/event-types")
        await page.click("summary")
        assert await barriers(page, scheme) == []
        await context.close()
    stack.post({"event_type": "coffee_made", "event_data": {}})
    assert until(lambda: "coffee_made" in proposed(stack), bool, seconds=60)
    context = await chromium.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page = await context.new_page()
    await page.goto(stack.url + "/event-types")
    await page.get_by_label("Meaning of coffee_made").focus()
    await page.keyboard.type("Somebody made coffee: black.")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Accept coffee_made")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("coffee_made is in the catalogue now")
    assert await page.get_by_role("button", name="Accept coffee_made").count() == 0
    assert (folder / "custom_events.yaml").read_text().endswith("coffee_made: 'Somebody made coffee: black.'\n")
    await context.close()


def assert_printed_events_are_recorded(stack: Stack) -> None:
    for answer in map(stack.post, PRINTED):
        assert (answer.status_code, answer.json()["message"]) == (200, "Event recorded successfully")
        assert "hint" not in answer.json()


def test_strict_mode_accepts_what_was_learned_and_rejects_the_rest(stack: Stack) -> None:
    assert_printed_events_are_recorded(stack)
    stack.stop()
    stack.environ["FOOTFALL_UNKNOWN_EVENTS"] = "reject"
    stack.start()
    assert_printed_events_are_recorded(stack)
    results = stack.post([TEA, {"event_type": "coffee_made", "event_data": {}}, TYPO]).json()["results"]
    assert [each["status"] for each in results] == ["accepted", "accepted", "rejected"]
    assert all("hint" not in each for each in results)
    assert results[2]["errors"][0]["code"] == "event_type_unknown"
    until(lambda: stack.query("select count(*) from tea_mades"), [(3,)].__eq__, seconds=60)
    assert stack.query("select count(*) from tea_mades") == [(3,)]
