"""How sessions are signed and found: one class, so that no two services can read different rules."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from service_kit import setting_checks
from service_kit.sessions.keys import parse_key
from service_kit.settings import Secret, setting

_SCHEMES = ("http://", "https://", "file://")
_LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    session_key: Secret | None = setting(
        None,
        help="What sessions are signed with: a secret (HS256), or a public key in PEM (RS256, ES256, EdDSA).",
        check=setting_checks.hard_to_guess,
    )
    session_jwks_url: str | None = setting(
        None, help="URL of a JWKS document with the keys of sessions, instead of one key."
    )
    session_audience: str | None = setting(None, help="The audience that sessions must name.")
    session_issuer: str | None = setting(None, help="The issuer that sessions must name.")
    session_leeway_seconds: float = setting(
        10.0, help="How far the clock of the issuer may differ from ours.", minimum=0, maximum=300
    )
    session_cookie: str = setting("session", help="Name of the session cookie.")

    def __post_init__(self) -> None:
        """Raise ValueError for keys that cannot be used."""
        if self.session_key and self.session_jwks_url:
            raise ValueError("Set FOOTFALL_SESSION_KEY or FOOTFALL_SESSION_JWKS_URL, not both.")
        if self.session_jwks_url and not _is_url(self.session_jwks_url):
            raise ValueError(f"FOOTFALL_SESSION_JWKS_URL must be a URL that begins with {', '.join(_SCHEMES)}.")
        try:
            if self.session_key:
                parse_key(self.session_key.reveal())
        except ValueError as error:
            raise ValueError(f"FOOTFALL_SESSION_KEY must be {error}.") from error

    def warnings(self) -> list[str]:
        """Sentences about settings that are possible, and weaker than the operator may think."""
        url, found = self.session_jwks_url, list[str]()
        if url and url.startswith("http://") and urlsplit(url).hostname not in _LOOPBACK_HOSTS:
            found.append(
                "FOOTFALL_SESSION_JWKS_URL is not https: who can alter the answer in transit can sign sessions"
            )
        if url and not self.session_audience:
            found.append(
                "FOOTFALL_SESSION_AUDIENCE is not set: a token of the same provider for any other application is"
                " accepted as a session"
            )
        return found

    @property
    def has_keys(self) -> bool:
        """Whether there is anything to verify sessions with."""
        return bool(self.session_key or self.session_jwks_url)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return text.startswith(_SCHEMES) and bool(parts.path if parts.scheme == "file" else parts.hostname)
