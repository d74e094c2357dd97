"""The URL of an installation."""

import pytest

from service_kit.public_url import PublicUrlSettings
from service_kit.settings import SettingsError, load


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("", ""),
        ("https://events.example.com", "https://events.example.com"),
        ("http://localhost:3000/", "http://localhost:3000"),
        ("https://example.com/analytics/", "https://example.com/analytics"),
    ],
)
def test_the_url_has_no_slash_at_the_end(text: str, base: str) -> None:
    assert load(PublicUrlSettings, {"FOOTFALL_PUBLIC_URL": text}).base == base


@pytest.mark.parametrize(
    "wrong",
    [
        "events.example.com",
        "ftp://example.com",
        "https://",
        "https://example.com?x=1",
        "http://h:99999",
        "http://[::1",
    ],
)
def test_what_is_not_a_url_is_an_error(wrong: str) -> None:
    with pytest.raises(SettingsError, match="FOOTFALL_PUBLIC_URL must be a URL such as"):
        load(PublicUrlSettings, {"FOOTFALL_PUBLIC_URL": wrong})
