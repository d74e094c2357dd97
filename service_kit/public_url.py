"""Where clients reach an installation: what the documents for generators of clients name as their server."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from service_kit.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicUrlSettings:
    """The URL in front of the paths of collector, dashboard and registry."""

    public_url: str = setting(
        "",
        help="URL at which clients reach this service, as https://events.example.com; named in the OpenAPI and "
        "AsyncAPI documents. By default they name the host that is asked.",
    )

    def __post_init__(self) -> None:
        """Raise ValueError for what is not a URL."""
        try:
            parts = urlsplit(self.public_url)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname)
            is_url = is_url and not parts.query and not parts.fragment and (parts.port is None or parts.port > 0)
        except ValueError:
            is_url = False
        if self.public_url and not is_url:
            raise ValueError(
                f"FOOTFALL_PUBLIC_URL must be a URL such as https://events.example.com, not {self.public_url!r}."
            )

    @property
    def base(self) -> str:
        """The URL without a slash at the end; empty if it is not set."""
        return self.public_url.rstrip("/")
