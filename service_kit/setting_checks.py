"""What a setting's value must be, beyond its type. Each check raises ValueError with the words after "must be"."""

import re
from collections.abc import Sequence
from ipaddress import ip_network

_ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")
_MIN_DIFFERENT_CHARACTERS = 6


def hard_to_guess(secret: str) -> None:
    """A key that is not a few characters, or a short text again and again. It does not find every weak key."""
    is_repeated = secret in (secret + secret)[1:-1]
    if is_repeated or len(set(secret)) < _MIN_DIFFERENT_CHARACTERS:
        raise ValueError("hard to guess, not a repetition (`openssl rand -hex 32` makes a good one)")


def proxies(entries: Sequence[str]) -> None:
    """IPs and networks. Everything is not a network of proxies: any client could then name any IP as its own."""
    for entry in entries:
        try:
            network = ip_network(entry)
        except ValueError:
            raise ValueError("IPs or networks such as 10.0.0.0/8") from None
        if network.prefixlen == 0:
            raise ValueError("the IPs or networks of proxies; with all networks any client could choose its IP")


def origins(entries: Sequence[str]) -> None:
    """Origins as browsers send them."""
    for entry in entries:
        if not _ORIGIN.fullmatch(entry):
            raise ValueError("origins as browsers send them, such as https://www.example.org")
