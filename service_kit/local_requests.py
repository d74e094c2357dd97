"""Whether an HTTP request comes from this machine, for services that trust it (`FOOTFALL_TRUST_LOOPBACK`)."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

_LOOPBACK_IPS = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
# What proxies add: who sent the request to them, and which host was asked. Development servers are proxies too.
_SENDERS, _HOST = ("x-forwarded-for", "x-real-ip"), "x-forwarded-host"
# Who adds one of these may have passed on an X-Forwarded-For that its client made up.
_FORWARDED, _VIA = "forwarded", "via"
# Caddy always sets X-Forwarded-For itself.
_CADDY = " Caddy"
PROXY_HEADERS = frozenset({*_SENDERS, _HOST, _FORWARDED, _VIA})


def is_local(ip: str | None, host: str, headers: Mapping[str, str]) -> bool:
    """Whether the request comes from this machine, names this machine, and no proxy says otherwise.

    `host` is the header `Host`; `headers` are as `joined` makes them. A page of another site can make its own
    domain name resolve to 127.0.0.1, so that a browser on this machine sends requests here (DNS rebinding). The
    name in `Host` gives it away.
    """
    return ip in _LOOPBACK_IPS and names_this_machine(host) and _is_forwarded_locally(headers)


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by their name in lower case. Of one that came in several lines all values: proxies add a line."""
    found: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _is_forwarded_locally(headers: Mapping[str, str]) -> bool:
    """Whether the proxies that say so were asked by this machine for this machine, or there were none."""
    if _FORWARDED in headers or not all(each.endswith(_CADDY) for each in _values(headers, _VIA)):
        return False
    senders = [each for name in _SENDERS for each in _values(headers, name)]
    hosts = _values(headers, _HOST)
    if not all(each in _LOOPBACK_IPS for each in senders) or not all(map(names_this_machine, hosts)):
        return False
    return bool(senders) or PROXY_HEADERS.isdisjoint(headers)


def _values(headers: Mapping[str, str], name: str) -> list[str]:
    """The values of a header, which are separated by commas; none if it is absent."""
    return [each.strip() for each in headers[name].split(",")] if name in headers else []


def names_this_machine(host: str) -> bool:
    """Whether a host, with or without a port, can only be this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name in ("localhost", "127.0.0.1", "::1") or name.endswith(".localhost")
