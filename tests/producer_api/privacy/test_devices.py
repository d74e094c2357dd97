"""The user agent is reduced to a device class, and programs are recognised."""

import pytest

from producer_api.privacy.devices import classify


@pytest.mark.parametrize(
    ("user_agent", "kind"),
    [
        ("", "bot"),
        ("curl/8.5.0", "bot"),
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


def test_names_that_nobody_knows_do_not_become_devices() -> None:
    odd = [
        *(f"x{number:05}bot/1.0" for number in range(1_000)),
        *(f"App{number}/1.0 CFNetwork/1.0 Darwin/24.0" for number in range(1_000)),
        *(f"Mozilla/5.0 (compatible; Spider{number}/2.0)" for number in range(500)),
        *(f"HbbTV/1.2.1 (; Brand{'abcdefghij'[number % 10] * (number // 10)} ;2015)" for number in range(500)),
    ]
    assert len({classify(user_agent) for user_agent in odd}) < 30
    assert classify("x00001bot/1.0").browser == "Other bot"


@pytest.mark.parametrize(
    ("user_agent", "browser", "system"),
    [
        ("curl/8.5.0", "curl", "unknown"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", "unknown"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "Firefox", "Ubuntu"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.0 Mobile/15E148 Safari/604.1",
            "Mobile Safari",
            "iOS",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
            "Safari/537.36 Edg/142.0.0.0",
            "Edge",
            "Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) "
            "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
            "Samsung Internet",
            "Android",
        ),
    ],
)
def test_what_people_use_has_its_name(user_agent: str, browser: str, system: str) -> None:
    device = classify(user_agent)
    assert (device.browser, device.system) == (browser, system)
