"""Pages and referrers without the parts that hold personal data: query, fragment, user name and password."""

import re
from collections.abc import Collection

_CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")


def strip_url(url: str, allowed_parameters: Collection[str]) -> str:
    """The URL with only the allowed parameters of its query, in the order and form in which they were sent."""
    if "@" in url:
        url = _CREDENTIALS.sub("", url, count=1)
    if "?" not in url and "#" not in url:
        return url
    path, _, query = url.partition("#")[0].partition("?")
    allowed = [pair for pair in query.split("&") if pair.partition("=")[0] in allowed_parameters]
    return f"{path}?{'&'.join(allowed)}" if allowed else path
