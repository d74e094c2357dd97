"""Rejected requests, and the one table of HTTP statuses that the collector answers with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from avro_schemas.reasons import FORBIDDEN_REASONS
from avro_schemas.validation.fault import Fault

# How soon to retry while Kafka or the session keys are unavailable; clients add their own jitter.
RETRY_SECONDS = 2

_WAIT = "Wait for as many seconds as `Retry-After` says, then send the same ids again."


@dataclass(frozen=True, slots=True)
class Status:
    """What an HTTP status means here, what a client does about it, and the error codes that lead to it."""

    meaning: str
    advice: str
    codes: tuple[str, ...] = ()


# The docs page, the OpenAPI description, docs/collect.md and docs/collect-reference.md are built from this table.
STATUSES: Mapping[int, Status] = MappingProxyType(
    {
        # Also the status of every code that is not listed below: sending the same again will not help.
        400: Status(
            "The body, or every event in it, is invalid.",
            "Fix what `errors` names; sending the same again will not help.",
        ),
        403: Status(
            "There is no valid session or backend key, or pages of this origin may not post.",
            "Check that cookies are sent, that the session has not expired, and that the page's origin is listed.",
            FORBIDDEN_REASONS,
        ),
        408: Status("The body did not arrive in time.", "Send it again.", ("body_timeout",)),
        413: Status(
            "The body is too large, the list too long, or an event larger than Kafka's topic takes.",
            "Split it into two requests. A single event cannot be split: send a smaller one.",
            ("body_too_large", "too_many_events", "topic_limit"),
        ),
        415: Status(
            "The content type or encoding is not supported.",
            "Send `application/json` or `text/plain`, plain or gzip.",
            ("media_type_unsupported",),
        ),
        429: Status("The sender is over a rate limit.", _WAIT, ("rate_limited",)),
        503: Status("Neither Kafka nor the spool takes events now.", _WAIT, ("unavailable",)),
    }
)

_STATUS_BY_CODE = {code: number for number, status in STATUSES.items() for code in status.codes}


def status_of(code: str) -> int:
    """The HTTP status of a response whose first fault has this code."""
    return _STATUS_BY_CODE.get(code, 400)


class RequestRejected(Exception):
    """The whole request is rejected. `retry_after` is in seconds, where waiting helps."""

    def __init__(self, code: str, expected: str, *, pointer: str = "", retry_after: int | None = None) -> None:
        self.faults: tuple[Fault, ...] = (Fault(code, pointer, expected),)
        self.retry_after = retry_after
        super().__init__(code)

    @classmethod
    def with_faults(cls, faults: Sequence[Fault]) -> "RequestRejected":
        """The rejection for several faults, of which the first one decides the status."""
        rejected = cls(faults[0].code, faults[0].expected)
        rejected.faults = tuple(faults)
        return rejected

    @property
    def fault(self) -> Fault:
        """The first fault."""
        return self.faults[0]


class Forbidden(RequestRejected):
    """The sender has no valid session or key, or its page belongs to an origin that may not post."""
