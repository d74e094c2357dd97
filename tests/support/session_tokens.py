"""Tokens and keys of sessions for tests, made with PyJWT: nothing of footfall takes part in signing."""

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

SECRET = "a key of thirty-two characters.."
NOW = time.time()
RSA = rsa.generate_private_key(65537, 2048)
SIGNERS: dict[str, Any] = {
    "RS256": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(signer: Any) -> str:
    public: bytes = signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode()


def token(
    key: Any = SECRET, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any
) -> str:
    """A token of ann's, who has the role that opens the dashboard; a claim that is None is left out."""
    claims = {"exp": time.time() + 36_000, "sub": "ann", "roles": ["analyst"]} | claims
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key, algorithm=algorithm, headers=headers)


def signed(kid: str, signer: Any = RSA, algorithm: str = "RS256", **claims: Any) -> str:
    return token(signer, algorithm, {"kid": kid}, **claims)


def confused(public: str) -> str:
    """Key confusion: HS256 with the public key as the secret, which everybody knows."""
    head, payload, _signature = token().split(".")
    hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = hmac.sign(f"{head}.{payload}".encode(), public.encode())
    return f"{head}.{payload}.{jwt.utils.base64url_encode(signature).decode()}"


def jwks(**signers: Any) -> bytes:
    """A JWKS document with the public keys of these signers by their `kid`, and one that nobody can read."""
    forms = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    keys = []
    for kid, signer in signers.items():
        form = next((f for kind, f in forms.items() if isinstance(signer, kind)), OKPAlgorithm)
        keys.append(json.loads(form.to_jwk(signer.public_key())) | {"kid": kid, "use": "sig"})  # type: ignore[attr-defined] # all have it
    return json.dumps({"keys": [*keys, {"kty": "unheard of"}]}).encode()


class KeyServer:
    """Fetches a JWKS document whose keys can be changed, and that can be taken away."""

    def __init__(self, **signers: Any) -> None:
        self.signers, self.is_away, self.requests = signers, False, 0

    def __call__(self, url: str) -> bytes:
        self.requests += 1
        if self.is_away:
            raise OSError("away")
        return jwks(**self.signers)
