"""Refusals of a whole request, and the HTTP status of every code: one place turns them into answers."""

from collections.abc import Mapping
from types import MappingProxyType

from avro_schemas.validation.faults import Fault

# All other codes are 400: sending the same again will not help.
STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "session_missing": 403,
        "session_invalid": 403,
        "session_expired": 403,
        "backend_key_invalid": 403,
        "origin_not_allowed": 403,
        "body_timeout": 408,
        "body_too_large": 413,
        "too_many_events": 413,
        "media_type_unsupported": 415,
        "rate_limited": 429,
        "unavailable": 503,
    }
)


def status_of(code: str) -> int:
    """The HTTP status of an answer whose first fault has this code."""
    return STATUSES.get(code, 400)


class Refused(Exception):
    """The request is not taken. `retry_after` is in seconds, where waiting helps."""

    def __init__(self, code: str, expected: str, *, pointer: str = "", retry_after: int | None = None) -> None:
        self.fault = Fault(code, pointer, expected)
        self.retry_after = retry_after
        super().__init__(code)


class NotAllowed(Refused):
    """No valid session, or a page of a site that may not post."""
