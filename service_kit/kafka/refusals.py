"""What to say when brokers refuse this user something."""

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)

_REFUSALS = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)


def described(error: BaseException) -> str:
    """The error for a log, and what to do about it if this user lacks a right."""
    if isinstance(error, _REFUSALS):
        return f"{error!r}: this user lacks a right; grant it what `footfall acls` prints (docs/access.md)"
    return repr(error)
