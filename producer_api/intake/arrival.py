"""How a visitor arrived: the source and the channel of an event, from its page, its referrer and its own hosts.

No I/O. The lists of hosts are in `referrers.json` (Matomo's) and `referrers.yaml` (ours).
"""

import json
import re
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from avro_schemas.wire.event_writer import write_arrival
from producer_api.privacy.urls import NO_UTM, Utm, normal_hostname, without_www

CHANNELS = ("search", "social", "mail", "ai", "paid", "referral", "direct")

# As GA4 groups `utm_medium`, in lower case.
_PAID_MEDIUM = re.compile(r".*cp[acmv].*|ppc|retargeting|paid.*|display|banner|interstitial|expandable")
_MEDIA: Mapping[str, str] = {
    **dict.fromkeys(("email", "e-mail", "e_mail", "e mail", "mail", "newsletter"), "mail"),
    **dict.fromkeys(
        ("social", "social-network", "social-media", "social network", "social media", "sm"), "social"
    ),
    **dict.fromkeys(("organic-social", "organic_social"), "social"),
    "ai": "ai",
}
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//([^/?#\\]*)", re.IGNORECASE)
# What other trackers send instead of nothing.
_NO_REFERRER = frozenset({"$direct", "(direct)", "direct", "(none)", "none", "null", "undefined"})
MAX_REFERRER_LENGTH = 500
# `google.{}` of Matomo's list: `google.de`, `google.co.uk`, `google.com.br`.
_COUNTRY_DOMAIN = re.compile(r"(.+?)\.(?:(?:com|co|org|net|edu)\.)?(?:[a-z]{2}|cat)")
# `{}.bing.com`: `de.bing.com`.
_COUNTRY_PREFIX = re.compile(r"[a-z]{2}\.(.+)")


class Arrival(NamedTuple):
    """Both are None within a visit on the own site, and where an event says nothing about an arrival."""

    # The host of an outside referrer.
    source: str | None
    channel: str | None


# The origin of a referrer that is a page of the own site.
OWN = ""
NOTHING = Arrival(None, None)
DIRECT = Arrival(None, "direct")


def arrival_of(
    *,
    is_page_view: bool,
    referrer: str | None,
    hostname: str | None,
    own_hosts: Collection[str],
    utm: Utm = NO_UTM,
    is_ad: bool = False,
) -> Arrival:
    """How the visitor arrived at an event on `hostname`. `own_hosts` are those of the allowed origins."""
    origin = referrer_host(referrer) if referrer else None
    source = None if origin is None or origin is OWN or _is_own(origin, hostname, own_hosts) else origin
    if is_ad or (utm is not NO_UTM and any(utm)):
        return Arrival(source, "paid" if is_ad else _campaign_channel(utm, source))
    if source:
        return Arrival(source, channel_of(source) or "referral")
    return DIRECT if is_page_view and origin is None else NOTHING


def encode_arrival(arrival: Arrival, stored_fields: Collection[str], utm: Utm = NO_UTM) -> bytes:
    """The arrival as Avro bytes, without what is not stored."""
    source = arrival.source if "source" in stored_fields else None
    channel = arrival.channel if "channel" in stored_fields else None
    return write_arrival(source, channel, *(utm if "utm" in stored_fields else NO_UTM))


def referrer_host(referrer: str) -> str | None:
    """The host that a referrer names: of a URL, of an Android app, or by itself (`www.google.com`).

    OWN for a page of the own site, which the browser SDK sends as a path; None if it names nothing.
    """
    referrer = referrer[:MAX_REFERRER_LENGTH].strip()
    if found := _URL.match(referrer):
        host = normal_hostname(found[1])
        return None if host is None else without_www(host)
    if not referrer or ":" in referrer or referrer.lower() in _NO_REFERRER:
        return None
    host = normal_hostname(referrer.partition("/")[0])
    return without_www(host) if host and "." in host else OWN


def _is_own(host: str, hostname: str | None, own_hosts: Collection[str]) -> bool:
    return (hostname is not None and host == without_www(hostname)) or host in own_hosts


def _campaign_channel(utm: Utm, source: str | None) -> str:
    """The medium says it, else the name of the source, else the referrer."""
    utm_source, utm_medium = (utm[0] or "").lower(), (utm[1] or "").lower()
    if utm_medium and _PAID_MEDIUM.fullmatch(utm_medium):
        return "paid"
    named = _MEDIA.get(utm_medium) or (_named_channel(utm_source) if utm_source else None)
    if named or utm_medium == "organic":
        return named or "search"
    return (channel_of(source) if source else None) or "referral"


def _named_channel(utm_source: str) -> str | None:
    if channel := _lists().names.get(utm_source) or _MEDIA.get(utm_source):
        return channel
    host = normal_hostname(utm_source)
    return channel_of(without_www(host)) if host and "." in host else None


@lru_cache(maxsize=10_000)
def channel_of(host: str) -> str | None:
    """The channel of an outside host in normal form, without `www.`; None if no list has it."""
    lists, name = _lists(), host
    while name:
        if channel := lists.domains.get(name):
            return channel
        name = name.partition(".")[2]
    if host in lists.search_hosts:
        return "search"
    if (found := _COUNTRY_PREFIX.fullmatch(host)) and found[1] in lists.search_behind_country:
        return "search"
    if (found := _COUNTRY_DOMAIN.fullmatch(host)) and found[1] in lists.search_before_country:
        return "search"
    return "mail" if host.startswith(("mail.", "webmail.")) else None


class _Lists(NamedTuple):
    """Domains count with all their subdomains, hosts of search engines by themselves.

    Else `docs.google.com` and `finance.yahoo.com` would be search engines.
    """

    domains: Mapping[str, str]
    search_hosts: frozenset[str]
    search_before_country: frozenset[str]
    search_behind_country: frozenset[str]
    # What marketers write as `utm_source`.
    names: Mapping[str, str]


@cache
def _lists() -> _Lists:
    here = Path(__file__).parent
    matomo: dict[str, Any] = json.loads((here / "referrers.json").read_bytes())
    ours: dict[str, Any] = yaml.safe_load((here / "referrers.yaml").read_bytes())
    search = {without_www(host) for host in matomo["search"]["hosts"]}
    kinds = ("social", "ai")
    domains = {without_www(host): channel for channel in kinds for host in matomo[channel]["hosts"]}
    names = {name: channel for channel in ("search", *kinds) for name in matomo[channel]["names"]}
    domains |= {host: channel for channel, hosts in ours["hosts"].items() for host in hosts}
    names |= {name: channel for channel, entries in ours["names"].items() for name in entries}
    return _Lists(
        domains,
        frozenset(host for host in search if "{}" not in host),
        frozenset(host.removesuffix(".{}") for host in search if host.endswith(".{}")),
        frozenset(host.removeprefix("{}.") for host in search if host.startswith("{}.")),
        names,
    )
