"""Whether an HTTP request comes from this machine, for services that trust it (`FOOTFALL_TRUST_LOOPBACK`)."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

_LOOPBACK_IPS = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
# What proxies add: who sent the request to them, and which host was asked. Development servers are proxies too.
_SENDERS, _HOST = ("x-forwarded-for", "x-real-ip"), "x-forwarded-host"
# These need not say who sent it.
_OTHERS = ("forwarded", "via")
PROXY_HEADERS = frozenset({*_SENDERS, _HOST, *_OTHERS})


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
    senders = [headers[name] for name in _SENDERS if name in headers]
    if any(each.strip() not in _LOOPBACK_IPS for sender in senders for each in sender.split(",")):
        return False
    if _HOST in headers and not all(names_this_machine(each.strip()) for each in headers[_HOST].split(",")):
        return False
    return bool(senders) or not any(name in headers for name in (_HOST, *_OTHERS))


def names_this_machine(host: str) -> bool:
    """Whether a host, with or without a port, can only be this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name in ("localhost", "127.0.0.1", "::1") or name.endswith(".localhost")
