"""Keys that are too weak, or of an unsupported kind, are rejected wherever they come from."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import HMACAlgorithm, RSAAlgorithm

from service_kit.sessions.keys import parse_jwks, parse_key
from tests.support.session_tokens import RSA, SIGNERS, jwks, pem

WEAK_RSA = rsa.generate_private_key(65537, 1024)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("short", id="short secret"),
        pytest.param("-----BEGIN PUBLIC KEY-----\nrubbish\n-----END PUBLIC KEY-----", id="broken PEM"),
        pytest.param(pem(WEAK_RSA), id="weak RSA"),
        pytest.param(pem(ec.generate_private_key(ec.SECP384R1())), id="another curve"),
    ],
)
def test_an_unusable_key_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|secret"):
        parse_key(text)


@pytest.mark.parametrize("document", [{}, [], {"keys": "x"}, {"keys": [{"kty": "RSA"}]}, {"keys": []}])
def test_a_document_without_usable_keys_is_rejected(document: Any) -> None:
    with pytest.raises(ValueError, match="JWKS"):
        parse_jwks(document)


def test_a_document_gives_one_key_per_signer() -> None:
    found = parse_jwks(json.loads(jwks(**SIGNERS)))
    assert {key_id: key.algorithm for key_id, key in found.items()} == {name: name for name in SIGNERS}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(json.loads(RSAAlgorithm.to_jwk(WEAK_RSA.public_key())), id="weak RSA"),
        pytest.param(json.loads(HMACAlgorithm.to_jwk("short")), id="short secret"),
        pytest.param(json.loads(RSAAlgorithm.to_jwk(RSA)), id="a private key"),
        pytest.param(json.loads(RSAAlgorithm.to_jwk(RSA.public_key())) | {"alg": "PS256"}, id="another algorithm"),
        pytest.param(json.loads(RSAAlgorithm.to_jwk(RSA.public_key())) | {"use": "enc"}, id="for encryption"),
        pytest.param(
            json.loads(RSAAlgorithm.to_jwk(RSA.public_key())) | {"kid": ["a"]}, id="a kid that is a list"
        ),
    ],
)
def test_an_unusable_key_of_a_document_is_skipped(entry: dict[str, Any]) -> None:
    good = json.loads(jwks(good=RSA))["keys"]
    assert list(parse_jwks({"keys": [entry, *good]})) == ["good"]
