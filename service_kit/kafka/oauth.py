"""Signing in to Kafka with OAuth tokens (SASL OAUTHBEARER): from a file, a token endpoint, or a function of yours.

A token is asked for with each connection, and used again until shortly before it expires.
"""

import asyncio
import importlib
import json
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, urlencode

from aiokafka.abc import AbstractTokenProvider

_TIMEOUT_SECONDS = 10.0
# Of the lifetime of a token: then it is replaced.
_USED_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and for how many seconds it may be used."""

    text: str
    seconds: float


# Gets a new token; called in a thread.
FetchToken = Callable[[], Token]


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc] # aiokafka is not typed
    """Tokens for aiokafka. Errors reach whoever connects (`sign_in` names them), which tries again."""

    def __init__(self, fetch: FetchToken, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._token, self._until = "", 0.0

    async def token(self) -> str:
        """A token that can be used now."""
        if self._clock() >= self._until:
            token = await asyncio.to_thread(self._fetch)
            self._token, self._until = token.text, self._clock() + token.seconds * _USED_SHARE
        return self._token


def from_file(path: Path) -> FetchToken:
    """The content of a file, as Kubernetes projects and renews service account tokens. It is read every time."""
    return lambda: Token(path.read_text().strip(), 0.0)


def from_endpoint(url: str, client_id: str, client_secret: str, scope: str) -> FetchToken:
    """From the token endpoint of an OAuth server, by client credentials (RFC 6749, section 4.4)."""
    credentials = b64encode(f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}".encode()).decode()
    form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})

    def fetch() -> Token:
        request = urllib.request.Request(
            url, urlencode(form).encode(), {"authorization": f"Basic {credentials}", "accept": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
                answer = json.load(response)
        except HTTPError as error:
            error.close()
            raise
        return Token(answer["access_token"], float(answer.get("expires_in", 0)))

    return fetch


def from_function(name: str) -> FetchToken:
    """From a function without arguments, `module:function`, that returns a token and its lifetime in seconds.

    Raise ImportError, AttributeError or ValueError if there is none.
    """
    module, _, function = name.partition(":")
    fetch: Callable[[], tuple[str, float]] = getattr(importlib.import_module(module), function)
    return lambda: Token(*fetch())
