"""Keys that sessions are signed with. The key says which algorithm it is for, never the token."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK, PyJWTError

log = logging.getLogger(__name__)

SHORTEST_SECRET = 32
_SHORTEST_RSA_BITS = 2048


class Key(NamedTuple):
    """Key material for PyJWT, and the one algorithm it verifies."""

    material: Any
    algorithm: str


class Keys(Protocol):
    """Where keys come from."""

    @property
    def is_loaded(self) -> bool: ...

    async def find(self, key_id: str | None) -> list[Key]:
        """The keys that a token with this `kid` may be signed with."""
        ...


class OneKey:
    """The key of a setting."""

    is_loaded = True

    def __init__(self, text: str) -> None:
        self._keys = [from_text(text)]

    async def find(self, key_id: str | None) -> list[Key]:
        """The one key, whatever the token calls it."""
        return self._keys


def from_text(text: str) -> Key:
    """A secret (HS256) or a public key in PEM (RS256, ES256, EdDSA). Raise ValueError for anything else."""
    if "-----BEGIN" not in text:
        if len(text) < SHORTEST_SECRET:
            raise ValueError(f"a secret of {SHORTEST_SECRET} characters or more, or a public key in PEM")
        return Key(text, "HS256")
    try:
        material = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("a secret, or a public key in PEM") from error
    match material:
        case RSAPublicKey() if material.key_size >= _SHORTEST_RSA_BITS:
            return Key(material, "RS256")
        case EllipticCurvePublicKey() if isinstance(material.curve, SECP256R1):
            return Key(material, "ES256")
        case Ed25519PublicKey():
            return Key(material, "EdDSA")
    raise ValueError("an RSA key of 2048 bits or more, a P-256 key or an Ed25519 key")


def from_jwks(document: Any) -> dict[str | None, Key]:
    """The usable keys of a JWKS document (RFC 7517), by their `kid`."""
    listed = document.get("keys") if isinstance(document, Mapping) else None
    found: dict[str | None, Key] = {}
    for entry in listed if isinstance(listed, list) else ():
        if key := _from_jwk(entry):
            found[entry.get("kid")] = key
    if not found:
        raise ValueError("a JWKS document with a key for HS256, RS256, ES256 or EdDSA")
    return found


def _from_jwk(entry: Any) -> Key | None:
    """The key of an entry, None for one that is of no use here."""
    if not isinstance(entry, Mapping) or entry.get("use", "sig") != "sig":
        return None
    try:
        jwk = PyJWK.from_dict(dict(entry))
    except (PyJWTError, ValueError, TypeError, KeyError):
        log.warning("a key of the JWKS cannot be read", extra={"kid": str(entry.get("kid"))[:100]})
        return None
    known = ("HS256", "RS256", "ES256", "EdDSA")
    return Key(jwk.key, jwk.algorithm_name) if jwk.algorithm_name in known else None
