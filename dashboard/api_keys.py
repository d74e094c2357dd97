"""API keys: what a line of the setting says, which key a request has, and how often it may ask. No HTTP.

A key is 256 random bits, so its plain SHA-256 reveals nothing of it, and guessing is hopeless.
"""

import hashlib
import hmac
import logging
import math
import re
import secrets
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from service_kit.settings import Secret

log = logging.getLogger(__name__)

PREFIX = "ffk_"
# By scope, the paths that it opens: none of them is a page, and none changes anything.
SCOPES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "stats:read": ("/api/stats/v1",),
        "live:read": ("/dashboard/snapshot.json", "/dashboard/stream"),
    }
)
PER_MINUTE, MAX_PER_MINUTE = 60, 10_000
WINDOW = 60.0
LINE = "NAME SCOPES REQUESTS_PER_MINUTE sha256:HASH, as `footfall key create` prints it"
_LINE = re.compile(
    r"(?P<name>[\w.-]{1,50})\s+(?P<scopes>[\w:,]+)\s+(?P<limit>\d{1,5})\s+sha256:(?P<hash>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the setting has it."""

    name: str
    scopes: frozenset[str]
    per_minute: int
    digest: str

    @property
    def line(self) -> str:
        """Its line in the setting."""
        return f"{self.name} {','.join(sorted(self.scopes))} {self.per_minute} sha256:{self.digest}"


def create(name: str, scopes: frozenset[str], per_minute: int) -> tuple[str, ApiKey]:
    """A new key: its text, which is stored nowhere, and what the setting has of it. Raise ValueError."""
    text = PREFIX + secrets.token_urlsafe(32)
    return text, parse_line(ApiKey(name, scopes, per_minute, digest_of(text)).line)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def parse_line(line: str) -> ApiKey:
    """Raise ValueError with what a line must be."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise ValueError(f"lines of {LINE}")
    scopes, limit = frozenset(found["scopes"].split(",")), int(found["limit"])
    if unknown := sorted(scopes - SCOPES.keys()):
        raise ValueError(f"lines with scopes of {', '.join(SCOPES)}, not {', '.join(unknown)}")
    if not 1 <= limit <= MAX_PER_MINUTE:
        raise ValueError(f"lines with 1 to {MAX_PER_MINUTE} requests per minute, not {limit}")
    return ApiKey(found["name"], scopes, limit, found["hash"])


def lines_of(text: str) -> Iterator[str]:
    """The lines of the setting, without empty ones and comments."""
    return (line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#"))


def usable(text: str) -> None:
    """The check of the setting."""
    names = [parse_line(line).name for line in lines_of(text)]
    if len(names) != len(set(names)):
        raise ValueError("lines of different names, as each key has a limit of its own")


def scope_of(path: str) -> str | None:
    """The scope that opens a path; None if no key opens it."""
    for scope, opened in SCOPES.items():
        if any(path == each or path.startswith(f"{each}/") for each in opened):
            return scope
    return None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a key may still ask, after this request."""

    is_granted: bool
    limit: int
    remaining: int
    retry_after: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit` and `RateLimit-Policy`, as the IETF's draft defines them."""
        return [
            (b"ratelimit-policy", b'"key";q=%d;w=%d' % (self.limit, WINDOW)),
            (b"ratelimit", b'"key";r=%d;t=%d' % (self.remaining, self.retry_after)),
        ]


class ApiKeys:
    """The keys of the setting; if that is a file, as the file has them by now."""

    def __init__(self, setting: Secret) -> None:
        self._setting = setting
        self._text, self._keys = "", tuple[ApiKey, ...]()
        self._requests: dict[str, deque[float]] = {}

    def find(self, text: str) -> ApiKey | None:
        """The key with this text. All keys are compared, each in constant time."""
        digest, found = digest_of(text), None
        for key in self._current():
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def use(self, key: ApiKey, now: float) -> Usage:
        """Count a request, if it is within the limit; `now` in seconds of a monotonic clock."""
        requests = self._requests.setdefault(key.digest, deque())
        while requests and requests[0] <= now - WINDOW:
            requests.popleft()
        if is_granted := len(requests) < key.per_minute:
            requests.append(now)
        wait = max(1, math.ceil(requests[0] + WINDOW - now))
        return Usage(is_granted, key.per_minute, max(0, key.per_minute - len(requests)), wait)

    def _current(self) -> tuple[ApiKey, ...]:
        text = self._read()
        if text != self._text:
            self._text, self._keys = text, tuple(_parsed(text))
            digests = {key.digest for key in self._keys}
            self._requests = {digest: times for digest, times in self._requests.items() if digest in digests}
        return self._keys

    def _read(self) -> str:
        if self._setting.file is None:
            return self._setting.reveal()
        try:
            return self._setting.file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            # Nobody can say which keys are revoked by now.
            log.warning("the file of the keys cannot be read: no key has access", extra={"error": repr(error)})
            return ""


def _parsed(text: str) -> Iterator[ApiKey]:
    for number, line in enumerate(lines_of(text), 1):
        try:
            yield parse_line(line)
        except ValueError as error:
            log.error("a line of the keys is not used", extra={"line": number, "expected": str(error)})  # noqa: TRY400
