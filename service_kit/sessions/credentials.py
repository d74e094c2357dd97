"""The cookies and bearer tokens of a request: all of them, as other applications may use the same names."""

import re
from collections.abc import Iterator

# Verifying takes time. A browser has one of each name, or a few that differ in path or domain.
MAX_CANDIDATES = 8
_BEARER = re.compile(r"(?:^|,)\s*bearer\s+([^\s,]+)", re.IGNORECASE)


def cookie_values(header: str | None, name: str) -> list[str]:
    """The values of all cookies with this name, in the order sent."""
    if not header or name not in header:
        return []
    return list(_values(header, name))


def session_tokens(cookies: str | None, authorization: str | None, cookie_name: str) -> list[str]:
    """What may be the token of a session, in the headers Cookie and Authorization. Their lines are joined."""
    bearers = _BEARER.findall(authorization)[:MAX_CANDIDATES] if authorization else []
    return [*filter(None, cookie_values(cookies, cookie_name)), *bearers]


def _values(header: str, name: str) -> Iterator[str]:
    found = 0
    for pair in header.split(";"):
        key, equals, value = pair.partition("=")
        if equals and key.strip() == name:
            found += 1
            if found > MAX_CANDIDATES:
                return
            value = value.strip()
            yield value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
