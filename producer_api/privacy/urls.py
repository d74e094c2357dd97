"""Pages and referrers without what hides personal data: query, fragment, and names in front of the host."""

import re
from collections.abc import Collection

_CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")


def reduced(address: str, allowed_parameters: Collection[str]) -> str:
    """The address with only the allowed parameters of its query; they stand as they were sent."""
    if "@" in address:
        address = _CREDENTIALS.sub("", address, count=1)
    if "?" not in address and "#" not in address:
        return address
    path, _, query = address.partition("#")[0].partition("?")
    kept = [pair for pair in query.split("&") if pair.partition("=")[0] in allowed_parameters]
    return f"{path}?{'&'.join(kept)}" if kept else path
