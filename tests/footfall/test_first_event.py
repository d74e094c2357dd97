"""The first event signs in with what the collector takes."""

import jwt
import pytest

from footfall.jobs.smoke_test import Settings, sign_in
from service_kit.settings import Secret

KEY = "a shared secret of more than 32 characters"


def settings(**given: object) -> Settings:
    return Settings(url="http://localhost", postgres_dsn=Secret("postgresql://"), **given)  # type: ignore[arg-type]


def test_a_backends_key_comes_first() -> None:
    keys = Secret("shop=first-key,\ncrm=second-key")
    assert sign_in(settings(backend_keys=keys, session_key=Secret(KEY)))["Footfall-Key"] == "first-key"


def test_a_session_is_as_the_collector_asks_for_it() -> None:
    made = settings(session_key=Secret(KEY), session_user_claim="uid", session_audience="web", session_issuer="me")
    token = sign_in(made)["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, KEY, algorithms=["HS256"], audience="web", issuer="me")
    assert claims["uid"] == "first-event"


@pytest.mark.parametrize("key", [None, Secret("-----BEGIN PUBLIC KEY-----")], ids=["no key", "a public key"])
def test_without_a_secret_it_comes_as_a_stranger(key: Secret | None) -> None:
    assert sign_in(settings(session_key=key)) == {}
