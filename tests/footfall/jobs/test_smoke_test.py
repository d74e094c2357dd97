"""The smoke test authenticates with whatever the collector accepts."""

import subprocess
import sys

import jwt
import pytest

from footfall.jobs.smoke_test import Settings, auth_headers
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret
from tests.support.database import at
from tests.support.session_tokens import RSA, pem

KEY = "a shared secret of more than 32 characters"


def settings(backend_keys: Secret | None = None, user_claim: str = "sub", **session: object) -> Settings:
    return Settings(
        url="http://localhost",
        postgres=at("postgresql://"),
        backend_keys=backend_keys or Secret(""),
        session=SessionSettings(**session),  # type: ignore[arg-type] # fields by name
        session_user_claim=user_claim,
    )


def test_a_backend_key_comes_first() -> None:
    keys = Secret("shop=first-key,\ncrm=second-key")
    assert auth_headers(settings(backend_keys=keys, session_key=Secret(KEY)))["Footfall-Key"] == "first-key"


def test_a_session_has_the_claims_that_the_collector_requires() -> None:
    made = settings(user_claim="uid", session_key=Secret(KEY), session_audience="web", session_issuer="me")
    token = auth_headers(made)["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, KEY, algorithms=["HS256"], audience="web", issuer="me")
    assert claims["uid"] == "smoke-test"


@pytest.mark.parametrize("key", [None, Secret(pem(RSA))], ids=["no key", "a public key"])
def test_without_a_secret_it_posts_without_a_session(key: Secret | None) -> None:
    assert auth_headers(settings(session_key=key)) == {}


def test_it_does_not_need_pyjwt_which_the_image_of_the_sinks_does_not_have() -> None:
    program = "import sys; sys.modules['jwt'] = None; import footfall.jobs.smoke_test"
    subprocess.run([sys.executable, "-c", program], check=True)
