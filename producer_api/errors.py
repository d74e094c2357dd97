"""Refusals of a whole request: each knows its status, so one place turns them into answers."""

from avro_schemas.checks import Fault


class Refused(Exception):
    """The request is not taken. `retry_after` is in seconds, where waiting helps."""

    status = 400

    def __init__(self, code: str, expected: str, *, pointer: str = "", retry_after: int | None = None) -> None:
        self.fault = Fault(code, pointer, expected)
        self.retry_after = retry_after
        super().__init__(code)


class Malformed(Refused):
    """Sending the same request again will not help."""


class TooLarge(Refused):
    """Smaller requests are taken."""

    status = 413


class TooSlow(Refused):
    """The body did not arrive in time."""

    status = 408


class MediaTypeUnsupported(Refused):
    """The content type is not one of ours."""

    status = 415


class NotAllowed(Refused):
    """No valid session, or a page of a site that may not post."""

    status = 403


class Unavailable(Refused):
    """Nobody acknowledged the event in time; send it again with the same id."""

    status = 503
