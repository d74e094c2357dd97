"""Programs are recognised by kept lists, and no browser of people is taken for one."""

from itertools import chain
from pathlib import Path

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from producer_api.privacy.devices import classify
from producer_api.privacy.programs import reason, with_client_hints

BROWSERS = (Path(__file__).parent / "browsers.txt").read_text().splitlines()
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"


def test_nearly_all_programs_of_the_list_that_everybody_uses_are_recognised() -> None:
    listed = list(chain.from_iterable(entry["instances"] for entry in CRAWLER_USER_AGENTS_DATA))
    assert len(listed) > 2_000
    missed = [user_agent for user_agent in listed if classify(user_agent).kind != "bot"]
    assert len(missed) < 0.01 * len(listed)


def test_no_browser_of_people_is_a_program() -> None:
    assert len(set(BROWSERS)) > 220
    assert [user_agent for user_agent in BROWSERS if classify(user_agent).bot] == []


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "crawler"),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "crawler"),
        ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "crawler"),
        ("WhatsApp/2.23.20.0", "crawler"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36", "headless"),
        ("python-requests/2.32", "script"),
        ("", "missing"),
        ("okhttp/4.12.0", None),
    ],
)  # fmt: skip
def test_the_reason_says_what_kind_of_program_it_is(user_agent: str, expected: str | None) -> None:
    assert classify(user_agent).bot == expected
    assert (classify(user_agent).kind == "bot") == (expected is not None)


def test_chromium_without_a_window_is_known_by_its_client_hints() -> None:
    hidden = with_client_hints(FIREFOX, '"HeadlessChrome";v="142", "Not_A Brand";v="99"')
    assert reason(hidden, is_spider=False) == "headless"
    assert with_client_hints(FIREFOX, '"Google Chrome";v="142", "Not_A Brand";v="99"') == FIREFOX
    assert with_client_hints(FIREFOX, None) == FIREFOX
