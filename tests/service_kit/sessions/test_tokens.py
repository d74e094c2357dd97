"""A token is accepted only if it is signed with a known key, has not expired and is meant for us."""

import time
from typing import Any

import jwt
import pytest

from service_kit.sessions.keys import Keys, StaticKey
from service_kit.sessions.signing import sign
from service_kit.sessions.tokens import SessionRejected, SessionVerifier
from tests.support.session_tokens import NOW, RSA, SECRET, SIGNERS, confused, pem, token


def verifier(keys: Keys | None = None, **changes: Any) -> SessionVerifier:
    return SessionVerifier(**{"keys": keys or StaticKey(SECRET), "leeway": 10.0} | changes)


async def rejection(text: str, by: SessionVerifier | None = None) -> str:
    with pytest.raises(SessionRejected) as rejected:
        await (by or verifier()).verify(text, NOW)
    return rejected.value.code


async def accepts(text: str, by: SessionVerifier | None = None) -> bool:
    return (await (by or verifier()).verify(text, NOW)).claims["sub"] == "ann"


async def test_a_token_is_accepted_until_it_expires_and_a_little_longer() -> None:
    assert (await verifier().verify(token(exp=NOW + 60), NOW)).expires == NOW + 70
    assert await accepts(token(exp=NOW - 9))
    assert await rejection(token(exp=NOW - 11)) == "session_expired"
    assert await accepts(token(nbf=NOW + 5))
    assert await rejection(token(nbf=NOW + 3600)) == "session_invalid"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("rubbish", id="not a token"),
        pytest.param("a.b.c", id="not base64"),
        pytest.param(token(key="another key of thirty-two chars."), id="another key"),
        pytest.param(token()[:-2], id="cut"),
        pytest.param(token(exp="soon"), id="expires at no time"),
        pytest.param(token(exp="Infinity"), id="expires at the end of time"),
        pytest.param(token(exp=10**400), id="expires at a time beyond any number"),
        pytest.param(token(exp=None), id="never expires"),
        pytest.param(jwt.encode({"sub": "ann", "exp": NOW + 60}, None, algorithm="none"), id="algorithm none"),
    ],
)
async def test_anything_else_is_rejected(text: str) -> None:
    assert await rejection(text) == "session_invalid"


@pytest.mark.parametrize("algorithm", SIGNERS)
async def test_a_public_key_verifies_only_its_own_algorithm(algorithm: str) -> None:
    signer = SIGNERS[algorithm]
    sessions = verifier(StaticKey(pem(signer)))
    assert await accepts(token(signer, algorithm), sessions)
    for other, key in SIGNERS.items():
        if other != algorithm:
            assert await rejection(token(key, other), sessions) == "session_invalid"


async def test_a_public_key_is_never_a_secret() -> None:
    public = pem(RSA)
    assert await rejection(confused(public), verifier(StaticKey(public))) == "session_invalid"


async def test_audience_and_issuer_are_checked_where_set() -> None:
    strict = verifier(audience="shop", issuer="https://id.example")
    good = token(aud="shop", iss="https://id.example")
    assert await accepts(good, strict)
    assert await rejection(token(aud="other", iss="https://id.example"), strict) == "session_invalid"
    assert await rejection(token(aud="shop"), strict) == "session_invalid"
    assert await accepts(good)


async def test_our_own_tokens_are_like_those_of_any_application() -> None:
    claims = {"sub": "ann", "exp": int(time.time()) + 60, "aud": "shop"}
    assert jwt.decode(sign(claims, SECRET), SECRET, algorithms=["HS256"], audience="shop") == claims
    assert await accepts(sign(claims, SECRET), verifier(audience="shop"))
