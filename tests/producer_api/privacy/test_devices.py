"""The user agent is reduced to a device class, and programs are recognised."""

import pytest

from producer_api.privacy.devices import classify


@pytest.mark.parametrize(
    ("user_agent", "kind"),
    [
        ("", "unknown"),
        ("curl/8.5.0", "unknown"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36", "desktop"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1", "tablet"),
        (
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36",
            "mobile",
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
    ],
)
def test_a_user_agent_is_reduced_to_a_kind_of_device(user_agent: str, kind: str) -> None:
    assert classify(user_agent).kind == kind


@pytest.mark.parametrize(
    ("user_agent", "bot"),
    [
        ("", "missing"),
        ("curl/8.5.0", "script"),
        ("python-requests/2.32", "script"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "crawler"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/142.0.0.0 Safari/537.36", "headless"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/143.0", None),
    ],
)
def test_programs_are_labelled_with_the_reason(user_agent: str, bot: str | None) -> None:
    assert classify(user_agent).bot == bot
