"""A request as far as the collector looks at it."""

from dataclasses import dataclass

from starlette.requests import cookie_parser
from starlette.types import Scope

from producer_api import headers

_READ = frozenset(name.lower().encode() for name in headers.REQUEST)


@dataclass(slots=True)
class Request:
    """A request without its body; headers that nobody reads are left out."""

    headers: dict[bytes, bytes]
    address: str
    is_secure: bool

    @classmethod
    def of(cls, scope: Scope) -> "Request":
        """The request of an ASGI scope."""
        read = {name: value for name, value in scope["headers"] if name in _READ}
        client = scope.get("client")
        return cls(read, client[0] if client else "unknown", scope["scheme"] == "https")

    def header(self, name: bytes) -> str | None:
        """The value of a header."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def cookies(self) -> dict[str, str]:
        """The cookies by name."""
        return cookie_parser(self.headers.get(b"cookie", b"").decode("latin-1"))

    @property
    def opts_out(self) -> bool:
        """Whether the visitor asked not to be followed (Global Privacy Control, or Do Not Track)."""
        return self.headers.get(b"sec-gpc") == b"1" or self.headers.get(b"dnt") == b"1"
