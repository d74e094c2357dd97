"""Whether an HTTP request comes from this machine, for services that trust it (`FOOTFALL_TRUST_LOOPBACK`)."""

from collections.abc import Collection
from urllib.parse import urlsplit

_LOOPBACK_IPS = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
# What proxies add: a request with one of these has another sender than the proxy on this machine.
PROXY_HEADERS = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})


def is_local(ip: str | None, host: str, header_names: Collection[str]) -> bool:
    """Whether the request comes from this machine, names this machine, and did not come through a proxy.

    `host` is the header `Host`; `header_names` are in lower case. A page of another site can make its own domain
    name resolve to 127.0.0.1, so that a browser on this machine sends requests here (DNS rebinding). The name in
    `Host` gives it away.
    """
    return ip in _LOOPBACK_IPS and names_this_machine(host) and PROXY_HEADERS.isdisjoint(header_names)


def names_this_machine(host: str) -> bool:
    """Whether a host, with or without a port, can only be this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name in ("localhost", "127.0.0.1", "::1") or name.endswith(".localhost")
