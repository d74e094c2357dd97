"""Keys that sessions are signed with. The key decides the algorithm, never the token."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

log = logging.getLogger(__name__)

MIN_SECRET_LENGTH = 32
MIN_RSA_BITS = 2048
# Of a JWKS document. A token without a `kid` is verified with each of them.
MAX_KEYS = 100


class Key(NamedTuple):
    """Key material for PyJWT, and the one algorithm it verifies."""

    material: Any
    algorithm: str


class Keys(Protocol):
    """Where keys come from."""

    @property
    def is_loaded(self) -> bool: ...

    @property
    def generation(self) -> int:
        """Another number after a change of the keys."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def find(self, key_id: str | None) -> list[Key]:
        """The keys that a token with this `kid` may be signed with."""
        ...


class StaticKey:
    """The key of a setting."""

    is_loaded = True
    generation = 0

    def __init__(self, text: str) -> None:
        self._keys = [parse_key(text)]

    async def start(self) -> None:
        """Nothing to do: the key is here."""

    async def stop(self) -> None:
        """Nothing to do."""

    async def find(self, key_id: str | None) -> list[Key]:
        """The one key, whatever the token calls it."""
        return self._keys


def parse_key(text: str) -> Key:
    """A secret (HS256) or a public key in PEM (RS256, ES256, EdDSA). Raise ValueError for anything else."""
    if "-----BEGIN" not in text:
        if key := _usable(text):
            return key
        raise ValueError(f"a secret of {MIN_SECRET_LENGTH} characters or more, or a public key in PEM")
    try:
        material = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("a secret, or a public key in PEM") from error
    if key := _usable(material):
        return key
    raise ValueError(f"an RSA key of {MIN_RSA_BITS} bits or more, a P-256 key or an Ed25519 key")


def parse_jwks(document: Any) -> dict[str | None, Key]:
    """The usable keys of a JWKS document (RFC 7517), by their `kid`. Raise ValueError if there are none."""
    entries = document.get("keys") if isinstance(document, Mapping) else None
    found: dict[str | None, Key] = {}
    if isinstance(entries, list) and len(entries) > MAX_KEYS:
        log.warning(
            "the JWKS has too many keys; the first are used", extra={"keys": len(entries), "used": MAX_KEYS}
        )
    for entry in entries[:MAX_KEYS] if isinstance(entries, list) else ():
        if key := _from_jwk(entry):
            found[entry.get("kid")] = key
    if not found:
        raise ValueError("a JWKS document with a key for HS256, RS256, ES256 or EdDSA")
    return found


def _from_jwk(entry: Any) -> Key | None:
    """The key of an entry; None if it is not for signatures, or cannot be used."""
    if not isinstance(entry, Mapping) or entry.get("use", "sig") != "sig":
        return None
    # Imported here: the sinks' image, which runs the smoke test, has no PyJWT.
    from jwt import PyJWK

    key_id = entry.get("kid")
    try:
        jwk = PyJWK.from_dict(dict(entry))
    except Exception:  # an unreadable key must not keep us from the good ones beside it
        log.warning("a key of the JWKS cannot be read", extra={"kid": str(key_id)[:100]})
        return None
    key = _usable(jwk.key)
    if key is None or key.algorithm != jwk.algorithm_name or not isinstance(key_id, str | None):
        log.info("a key of the JWKS is not used", extra={"kid": str(key_id)[:100]})
        return None
    return key


def _usable(material: Any) -> Key | None:
    """The key with its algorithm; None if it is too weak or of another kind, a private key for example."""
    match material:
        case str() | bytes() if len(material) >= MIN_SECRET_LENGTH:
            return Key(material, "HS256")
        case RSAPublicKey() if material.key_size >= MIN_RSA_BITS:
            return Key(material, "RS256")
        case EllipticCurvePublicKey() if isinstance(material.curve, SECP256R1):
            return Key(material, "ES256")
        case Ed25519PublicKey():
            return Key(material, "EdDSA")
    return None
