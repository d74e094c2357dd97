"""Whom and where events are about, for all that is tracked below: in a thread, a task, a request."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TypedDict, Unpack


class Context(TypedDict, total=False):
    """What `context` takes. None takes back what was set further out."""

    user_id: str | int | None
    session_id: str | int | None
    site: str | None
    hostname: str | None
    route: str | None
    referrer: str | None
    language: str | None
    screen_width: int | None
    release: str | None


_EMPTY: Mapping[str, Any] = MappingProxyType({})
_current: ContextVar[Mapping[str, Any]] = ContextVar("footfall_context", default=_EMPTY)


@contextmanager
def context(**values: Unpack[Context]) -> Iterator[None]:
    """All events inside are of this user, session, release and so on."""
    token = _current.set({**_current.get(), **values})
    try:
        yield
    finally:
        _current.reset(token)


def set_context(**values: Unpack[Context]) -> None:
    """The same from here on, to the end of this thread or task: for middleware that has no `with`."""
    _current.set({**_current.get(), **values})


def current_context() -> Mapping[str, Any]:
    """What is set here."""
    return _current.get()
