"""What is left of pages and referrers, and what the URL of a page says about the arrival there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer_api.privacy.urls import (
    MAX_HOSTNAME_LENGTH,
    NO_UTM,
    PageUrl,
    normal_hostname,
    read_page,
    strip_url,
)


@pytest.mark.parametrize(
    ("url", "page", "hostname"),
    [
        ("/land", "/land", None),
        ("/land?token=x", "/land", None),
        ("/land#top", "/land", None),
        ("home", "home", None),
        ("//twice", "//twice", None),
        ("/shop.jsp;jsessionid=1C22591EA3096B15?red&utm=x", "/shop.jsp", None),
        ("/shop;JSESSIONID=1C22/cart;color=red", "/shop/cart;color=red", None),
        ("https://Shop.Example:8443/land?token=x#top", "/land", "shop.example"),
        ("HTTPS://shop.example", "/", "shop.example"),
        ("https://shop.example?x=1", "/", "shop.example"),
        ("https://ann:secret@shop.example/a", "/a", "shop.example"),
        ("https://bücher.example/a", "/a", "bücher.example"),
        ("https://[2001:db8::1]:80/a", "/a", "[2001:db8::1]"),
        ("https://shop example/a", "/a", None),
        ("https://shop.example\\a", "/a", "shop.example"),
        ("app://local/index.html", "app://local/index.html", None),
        ("/go?to=https://other.example/x", "/go", None),
    ],
)
def test_a_page_is_a_path_and_a_full_url_names_the_host(url: str, page: str, hostname: str | None) -> None:
    assert read_page(url, ()) == PageUrl(page, hostname)


def test_a_referrer_has_no_session_id_in_its_path() -> None:
    assert strip_url("https://other.example/x.jsp;jsessionid=AA2259", ()) == "https://other.example/x.jsp"


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("/app#/settings", "/app#/settings"),
        ("/#!/settings", "/#!/settings"),
        ("/#/settings?token=secret", "/#/settings"),
        ("/?token=secret#/settings", "/#/settings"),
        ("/#/settings#anchor", "/#/settings"),
        ("/#/access_token=secret&state=1", "/#/access_token"),
        ("/#access_token=secret", "/"),
        ("/#settings", "/"),
        ("https://shop.example#/settings", "/#/settings"),
    ],
)
def test_only_the_path_of_a_hash_route_is_left_of_a_fragment(url: str, page: str) -> None:
    assert read_page(url, ()).page == page


def test_allowed_parameters_stay_in_query_and_hash_route() -> None:
    assert read_page("/list?page=2&token=x#/row?page=3&token=y", ["page"]).page == "/list?page=2#/row?page=3"
    assert strip_url("https://a.example/x?q=1&page=2#top", ["page"]) == "https://a.example/x?page=2"
    assert strip_url("https://ann:secret@a.example/x", ()) == "https://a.example/x"


@pytest.mark.parametrize(
    ("url", "utm"),
    [
        ("/?utm_source=mail&utm_medium=x", ("mail", "x", None, None, None)),
        ("/?UTM_SOURCE=mail&Utm_Medium=x", ("mail", "x", None, None, None)),
        ("/?utm_source=mail&amp;utm_medium=x", ("mail", "x", None, None, None)),
        ("/?utm_campaign=Spring+Sale%21&utm_term=a%20b", (None, None, "Spring Sale!", "a b", None)),
        ("/?utm_content=%00a%0ab", (None, None, None, None, "ab")),
        ("/?utm_source=first&utm_source=second", ("first", None, None, None, None)),
        ("/?utm_source=&utm_medium", NO_UTM),
        ("/#/land?utm_source=mail", ("mail", None, None, None, None)),
        ("/?utm_source=query#/land?utm_source=hash", ("query", None, None, None, None)),
        ("/#utm_source=mail", NO_UTM),
        ("/?utm_source=%ED%A0%BD", ("\ufffd\ufffd\ufffd", None, None, None, None)),
    ],
)
def test_utm_parameters_are_read_and_removed(url: str, utm: tuple[str | None, ...]) -> None:
    found = read_page(url, ())
    assert found.utm == utm
    assert "utm" not in found.page


def test_parameters_of_advertisements_are_seen_before_they_are_removed() -> None:
    assert read_page("/land?gclid=abc", ()) == PageUrl("/land", is_ad=True)
    assert read_page("/land?ScCid=abc", ()).is_ad
    # Facebook adds it to every link, paid or not.
    assert not read_page("/land?fbclid=abc", ()).is_ad


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("WWW.Example.COM.", "www.example.com"),
        ("localhost:3000", "localhost"),
        ("my_host", "my_host"),
        ("हिन्दी.example", "हिन्दी.example"),
        *[(text, None) for text in ("", " ", "a b", "a/b", "a?b", "<a>", "a\0b", "\ud83d", "a,b", ":80", "[::1")],
        ("x" * MAX_HOSTNAME_LENGTH, "x" * MAX_HOSTNAME_LENGTH),
        ("x" * (MAX_HOSTNAME_LENGTH + 1), None),
    ],
)
def test_hosts_have_one_form(text: str, host: str | None) -> None:
    assert normal_hostname(text) == host


@given(st.text(st.characters(exclude_categories=[])) | st.text("ah:/?#&=%@[]\\ut_msource\0", max_size=60))
def test_no_page_is_too_odd(url: str) -> None:
    found = read_page(url, ())
    assert "?" not in found.page
    assert all(text is None or (text and text.isprintable()) for text in found.utm)
    assert found.hostname is None or normal_hostname(found.hostname) == found.hostname
