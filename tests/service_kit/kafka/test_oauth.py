"""Tokens for Kafka: where they come from, and for how long they are used."""

import json
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs

import pytest

from service_kit.kafka.oauth import Token, TokenProvider, from_endpoint, from_file, from_function
from service_kit.kafka.settings import KafkaSettings
from service_kit.settings import SettingsError, load

OAUTH = {
    "FOOTFALL_KAFKA_BOOTSTRAP": "kafka:9092",
    "FOOTFALL_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "FOOTFALL_KAFKA_SASL_MECHANISM": "OAUTHBEARER",
}


async def test_a_token_is_used_until_shortly_before_it_expires() -> None:
    now, made = [0.0], iter(range(10))
    provider = TokenProvider(lambda: Token(f"token {next(made)}", 100.0), clock=lambda: now[0])
    used = []
    for now[0] in (0.0, 79.0, 81.0):
        used.append(await provider.token())
    assert used == ["token 0", "token 0", "token 1"]


async def test_a_file_is_read_again_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    provider = TokenProvider(from_file(file))
    for text in ("first", "second"):
        file.write_text(f"{text}\n")
        assert await provider.token() == text


async def test_a_function_returns_a_token_and_its_lifetime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_tokens.py").write_text("def token():\n    return 'own', 60\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert await TokenProvider(from_function("own_tokens:token")).token() == "own"
    sys.modules.pop("own_tokens")


@contextmanager
def token_endpoint(status: int, answer: Any) -> Iterator[tuple[str, list[Any]]]:
    """An OAuth server: its URL, and the requests that it has got."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            requests.append((self.headers["authorization"], form))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token", requests
    finally:
        server.shutdown()
        server.server_close()


async def test_a_token_endpoint_is_asked_with_client_credentials() -> None:
    with token_endpoint(200, {"access_token": "from the server", "expires_in": 300}) as (url, requests):
        provider = TokenProvider(from_endpoint(url, "footfall", "s:cret", "kafka"))
        assert [await provider.token() for _ in range(2)] == ["from the server"] * 2
    credentials = b64encode(b"footfall:s%3Acret").decode()
    assert requests == [(f"Basic {credentials}", {"grant_type": ["client_credentials"], "scope": ["kafka"]})]
    with token_endpoint(401, {}) as (url, _requests), pytest.raises(HTTPError):
        await TokenProvider(from_endpoint(url, "footfall", "wrong", "")).token()


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({}, "needs one of FOOTFALL_KAFKA_OAUTH_TOKEN_FILE"),
        (
            {"FOOTFALL_KAFKA_OAUTH_TOKEN_FILE": "/token", "FOOTFALL_KAFKA_OAUTH_FUNCTION": "own:token"},
            "needs one of FOOTFALL_KAFKA_OAUTH_TOKEN_FILE",
        ),
        ({"FOOTFALL_KAFKA_OAUTH_TOKEN_URL": "https://example.com"}, "needs FOOTFALL_KAFKA_OAUTH_CLIENT_ID"),
    ],
)
def test_settings_name_one_complete_source(more: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        load(KafkaSettings, OAUTH | more)


def test_without_sasl_no_source_is_needed() -> None:
    assert not load(KafkaSettings, OAUTH | {"FOOTFALL_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}).uses_oauth
