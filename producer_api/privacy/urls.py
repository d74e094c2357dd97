"""Pages and referrers without the parts that hold personal data: query, fragment, credentials, session ids."""

import re
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import unquote_plus

MAX_HOSTNAME_LENGTH = 253
UTM_FIELDS = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
# What only advertisements add to their links. Not `fbclid` or `igshid`, which Facebook and Instagram add to every
# link: those say no more than the referrer does.
AD_CLICK_PARAMETERS = frozenset(
    {
        "gclid",
        "gbraid",
        "wbraid",
        "gad_source",
        "dclid",
        "msclkid",
        "ttclid",
        "twclid",
        "li_fat_id",
        "yclid",
        "epik",
    }
    | {"rdt_cid", "sccid", "obclid", "tblci"}
)

Utm = tuple[str | None, str | None, str | None, str | None, str | None]
NO_UTM: Utm = (None,) * 5

_CREDENTIALS = re.compile(r"(?<=//)[^/?#]*@")
# Servers that work without cookies write the session into the path: `/shop;jsessionid=1C22591EA3096B15`,
# `/(S(lit3py55t21z5v55vlm25s55))/shop`, `/PHPSESSID/1c22591ea3096b15`.
_SESSION_ID = re.compile(
    r"(?:;|%3b)(?:[\w.-]{0,40}(?:sess|token)[\w.-]{0,40}|s|sid|\w{0,8}csid|zenid|cfid|ticket)(?:=|%3d)(?:(?!%3b|%2f)[^;/?#])*"
    r"|/\((?:[a-z]\([\w-]{1,500}\))+\)"
    r"|/(?:j?sessionid|phpsessid|oscsid|sid)/[\w-]{16,500}(?=[/?#]|\Z)",
    re.IGNORECASE,
)
_may_have_session_id = re.compile(r";|%3[bB]|\(|[sS][iI][dD]/|[iI][oO][nN][iI][dD]/").search
_WEB_URL = re.compile(r"https?://([^/?#\\]*)(.*)", re.IGNORECASE | re.DOTALL)
# Applications with hash routing have their path there. Any other fragment is an anchor of the page, or a token
# that an identity provider returned; so is what is behind a `=` or `&`.
_HASH_ROUTE = re.compile(r"!?/[^?#=&]*")
# International names stay as they are sent, so this excludes what no host can have.
_HOSTNAME = re.compile(r"\[[0-9a-f:.]+\]|[^\s\x00-\x2c/:-@\[-^`{-\x9f\ud800-\udfff]+")
# Longer values are cut before they are decoded.
_MAX_ENCODED_LENGTH = 2_000


class PageUrl(NamedTuple):
    """A page as it is stored, with what its URL says about the arrival there."""

    page: str
    # Of a full URL.
    hostname: str | None = None
    # Not redacted yet.
    utm: Utm = NO_UTM
    # Whether the link was an advertisement.
    is_ad: bool = False


PLAIN_PATH = PageUrl("")
# Whether a page is more than a path.
says_more = re.compile(r"[?#@;(]|://|%3[bB]|[sS][iI][dD]/|[iI][oO][nN][iI][dD]/").search


def strip_url(url: str, allowed_parameters: Collection[str]) -> str:
    """The URL with only the allowed parameters of its query, in the order and form in which they were sent."""
    url = _without_credentials(url)
    if "?" not in url and "#" not in url:
        return url
    return _join(_split(url), allowed_parameters)


def read_page(url: str, allowed_parameters: Collection[str]) -> PageUrl:
    """The page of an event: a path, also where the client sent a full URL. Tokens in the path are still there."""
    hostname = None
    if "://" in url and (found := _WEB_URL.fullmatch(url)):
        hostname, url = normal_hostname(found[1]), found[2].replace("\\", "/")
        url = url if url.startswith("/") else f"/{url}"
    url = _without_credentials(url)
    address = _split(url)
    utm, is_ad = _campaign(address.query, address.route_query)
    return PageUrl(_join(address, allowed_parameters), hostname, utm, is_ad)


def _without_credentials(url: str) -> str:
    if "@" in url:
        url = _CREDENTIALS.sub("", url, count=1)
    return _SESSION_ID.sub("", url) if _may_have_session_id(url) else url


def normal_hostname(text: str) -> str | None:
    """A host in lower case, without port and final dot; None for what cannot be one. IDNA stays as it is."""
    host = text.rpartition("@")[2].strip().lower()
    host = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0].rstrip(".")
    if len(host) <= MAX_HOSTNAME_LENGTH and _HOSTNAME.fullmatch(host):
        return host
    return None


def without_www(host: str) -> str:
    """So `www.example.com` and `example.com` are one."""
    return host.removeprefix("www.") or host


class _Address(NamedTuple):
    path: str
    query: str
    # The path in the fragment of an application with hash routing, with the `#`.
    route: str
    route_query: str


def _split(url: str) -> _Address:
    address, _, fragment = url.partition("#")
    path, _, query = address.partition("?")
    route = _HASH_ROUTE.match(fragment)
    if route is None:
        return _Address(path, query, "", "")
    rest = fragment[route.end() :].partition("#")[0]
    return _Address(path, query, f"#{route[0]}", rest[1:] if rest.startswith("?") else "")


def _join(address: _Address, allowed_parameters: Collection[str]) -> str:
    return "".join(
        (
            address.path,
            _allowed(address.query, allowed_parameters),
            address.route,
            _allowed(address.route_query, allowed_parameters),
        )
    )


def _allowed(query: str, allowed_parameters: Collection[str]) -> str:
    if not query or not allowed_parameters:
        return ""
    allowed = [pair for pair in query.split("&") if pair.partition("=")[0] in allowed_parameters]
    return f"?{'&'.join(allowed)}" if allowed else ""


def _campaign(*queries: str) -> tuple[Utm, bool]:
    """The UTM parameters of a page, and whether the link was an advertisement.

    Names count in any case, and also with the `amp;` that a link in badly written HTML leaves in front of them.
    """
    found: dict[str, str | None] = {}
    for query in queries:
        if query:
            for pair in query.split("&"):
                name, _, value = pair.removeprefix("amp;").partition("=")
                found.setdefault(name.lower(), value)
    if not found:
        return NO_UTM, False
    utm = tuple(_decoded(found.get(name)) for name in UTM_FIELDS)
    return utm, not AD_CLICK_PARAMETERS.isdisjoint(found)  # type: ignore[return-value] # five of five names


def _decoded(value: str | None) -> str | None:
    """The text of a parameter; None if nothing that can be shown is left of it."""
    if not value:
        return None
    text = unquote_plus(value[:_MAX_ENCODED_LENGTH]).strip()
    if not text.isprintable():  # NUL characters and lone surrogates among them
        text = "".join(filter(str.isprintable, text))
    return text or None
