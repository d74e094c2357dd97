"""The channel and the source of an event follow from its page, its referrer and its own hosts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer_api.intake.arrival import CHANNELS, DIRECT, NOTHING, Arrival, arrival_of, channel_of, referrer_host
from producer_api.privacy.urls import NO_UTM, Utm, read_page


def arrival(
    referrer: str | None = None, page: str = "/", hostname: str | None = None, *, is_page_view: bool = True
) -> Arrival:
    found = read_page(page, ())
    return arrival_of(
        is_page_view=is_page_view,
        referrer=referrer,
        hostname=hostname,
        own_hosts={"app.example"},
        utm=found.utm,
        is_ad=found.is_ad,
    )


@pytest.mark.parametrize(
    ("referrer", "source", "channel"),
    [
        ("https://www.google.com/", "google.com", "search"),
        ("https://google.co.uk/search?q=x", "google.co.uk", "search"),
        ("https://www.google.com.br/", "google.com.br", "search"),
        ("https://de.search.yahoo.com", "de.search.yahoo.com", "search"),
        ("https://duckduckgo.com/", "duckduckgo.com", "search"),
        ("https://yandex.ru/", "yandex.ru", "search"),
        ("www.bing.com", "bing.com", "search"),
        (
            "android-app://com.google.android.googlequicksearchbox/",
            "com.google.android.googlequicksearchbox",
            "search",
        ),
        ("https://l.facebook.com/l.php?u=x", "l.facebook.com", "social"),
        ("https://m.facebook.com", "m.facebook.com", "social"),
        ("https://t.co/abc", "t.co", "social"),
        ("https://out.reddit.com/", "out.reddit.com", "social"),
        ("//www.linkedin.com/feed", "linkedin.com", "social"),
        ("https://mail.google.com/", "mail.google.com", "mail"),
        ("android-app://com.google.android.gm/", "com.google.android.gm", "mail"),
        ("https://outlook.live.com/", "outlook.live.com", "mail"),
        ("https://webmail.university.example/inbox", "webmail.university.example", "mail"),
        ("https://chatgpt.com/", "chatgpt.com", "ai"),
        ("https://www.perplexity.ai/search", "perplexity.ai", "ai"),
        ("https://gemini.google.com/", "gemini.google.com", "ai"),
        ("https://claude.ai/", "claude.ai", "ai"),
        ("https://copilot.microsoft.com/", "copilot.microsoft.com", "ai"),
        ("https://news.example/article", "news.example", "referral"),
        ("https://docs.google.com/", "docs.google.com", "referral"),
        ("https://notgoogle.com/", "notgoogle.com", "referral"),
        ("https://google.com.evil.example/", "google.com.evil.example", "referral"),
        ("https://192.0.2.7:8080/", "192.0.2.7", "referral"),
        ("https://News.Example:443/x", "news.example", "referral"),
    ],
)
def test_an_outside_referrer_has_a_channel(referrer: str, source: str, channel: str) -> None:
    assert arrival(referrer) == Arrival(source, channel)


@pytest.mark.parametrize(
    "referrer", [None, "", " ", "$direct", "(direct)", "about:blank", "https://", "https:// /"]
)
def test_a_page_view_that_nothing_led_to_is_direct(referrer: str | None) -> None:
    assert arrival(referrer) == DIRECT
    assert arrival(referrer, is_page_view=False) == NOTHING


@pytest.mark.parametrize(
    "referrer",
    [
        "/pricing",
        "?page=2",
        "#/settings",
        "pricing",
        "https://shop.example/x",
        "https://www.shop.example/x",
        "https://app.example/login",
        "https://www.app.example/login",
    ],
)
@pytest.mark.parametrize("hostname", ["shop.example", "www.shop.example"])
def test_page_views_within_a_visit_say_nothing(referrer: str, hostname: str) -> None:
    assert arrival(referrer, hostname=hostname) == NOTHING


def test_a_subdomain_is_another_site_unless_it_is_an_allowed_origin() -> None:
    assert arrival("https://blog.shop.example/", hostname="shop.example") == Arrival(
        "blog.shop.example", "referral"
    )


@pytest.mark.parametrize(
    ("query", "channel"),
    [
        ("utm_medium=cpc", "paid"),
        ("utm_medium=PPC&utm_source=google", "paid"),
        ("utm_medium=paid-social&utm_source=facebook", "paid"),
        ("utm_medium=cpm", "paid"),
        ("gclid=abc", "paid"),
        ("utm_source=newsletter&msclkid=abc", "paid"),
        ("utm_medium=email", "mail"),
        ("utm_source=newsletter", "mail"),
        ("utm_source=google&utm_medium=organic", "search"),
        ("utm_source=some-engine&utm_medium=organic", "search"),
        ("utm_source=Facebook&utm_medium=organic", "social"),
        ("utm_source=ig", "social"),
        ("utm_source=chatgpt.com", "ai"),
        ("utm_source=Perplexity&utm_medium=referral", "ai"),
        ("utm_source=www.google.de", "search"),
        ("utm_source=partner&utm_medium=affiliate", "referral"),
        ("utm_campaign=spring", "referral"),
    ],
)
def test_a_campaign_has_the_channel_of_its_medium_else_of_its_source(query: str, channel: str) -> None:
    assert arrival(page=f"/land?{query}") == Arrival(None, channel)
    assert arrival(page=f"/land?{query}", is_page_view=False) == Arrival(None, channel)
    # Also where a redirect of the own site lies between.
    assert arrival("/redirect", f"/land?{query}") == Arrival(None, channel)


def test_a_campaign_without_medium_and_source_has_the_channel_of_the_referrer() -> None:
    assert arrival("https://t.co/x", "/land?utm_campaign=spring") == Arrival("t.co", "social")
    assert arrival("https://t.co/x", "/land?utm_medium=cpc") == Arrival("t.co", "paid")


def test_a_source_is_short() -> None:
    assert referrer_host("https://" + "x" * 253) == "x" * 253
    assert referrer_host("https://" + "x" * 254) is None


utm_values = st.none() | st.text(max_size=20) | st.sampled_from(["google", "cpc", "a.b", "organic", ".", ".."])


@given(
    st.none() | st.text() | st.text("a.:/@[]?# wm", max_size=30).map(lambda text: f"https://{text}"),
    st.tuples(*[utm_values] * 5) | st.just(NO_UTM),
    st.booleans(),
    st.booleans(),
)
def test_no_referrer_and_no_campaign_is_too_odd(
    referrer: str | None, utm: Utm, ad: bool, is_page_view: bool
) -> None:
    found = arrival_of(
        is_page_view=is_page_view, referrer=referrer, hostname="a.example", own_hosts=(), utm=utm, is_ad=ad
    )
    assert found.channel is None or found.channel in CHANNELS
    assert found.source is None or 0 < len(found.source) <= 253


def test_every_listed_host_has_a_channel() -> None:
    assert channel_of("ecosia.org") == channel_of("search.brave.com") == channel_of("kagi.com") == "search"
    assert channel_of("") is None
