"""Makes session tokens where there is no application to do it: demos, benchmarks, tests of an installation."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import orjson


def sign(claims: Mapping[str, Any], secret: str) -> str:
    """A JWT (HS256). Without PyJWT, which the image of the sinks does not have."""
    parts = [_base64(orjson.dumps(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signature = hmac.digest(secret.encode(), b".".join(parts), hashlib.sha256)
    return b".".join([*parts, _base64(signature)]).decode()


def _base64(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
