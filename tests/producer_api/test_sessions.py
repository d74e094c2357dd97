"""Only a session that is signed by the right key, in time, and names somebody is taken."""

import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from producer_api.errors import NotAllowed
from producer_api.senders import jwks
from producer_api.senders.jwks import Jwks
from producer_api.senders.keys import Keys, OneKey, from_jwks, from_text
from producer_api.senders.sessions import Session, Sessions

KEY = "a key of thirty-two characters.."
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


def sessions(keys: Keys | None = None, **changes: Any) -> Sessions:
    settings = {"keys": keys or OneKey(KEY), "user_claim": "sub", "session_claim": "sid", "leeway": 10.0}
    return Sessions(**settings | changes)


def token(key: Any = KEY, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
    return jwt.encode({"exp": NOW + 60} | claims, key, algorithm=algorithm, headers=headers)


async def refusal(text: str, checked: Sessions | None = None) -> str:
    with pytest.raises(NotAllowed) as refused:
        await (checked or sessions()).read(text, NOW)
    return refused.value.fault.code


async def test_a_session_names_its_user_and_itself() -> None:
    assert await sessions().read(token(sub="ann", sid="s1"), NOW) == Session("ann", "s1", NOW + 70)
    assert await sessions().read(token(sub="7"), NOW) == Session("7", None, NOW + 70)


async def test_an_expired_session_is_refused_after_a_little_leeway() -> None:
    assert await refusal(token(sub="ann", exp=NOW - 11)) == "session_expired"
    assert (await sessions().read(token(sub="ann", exp=NOW - 9), NOW)).user_id == "ann"
    assert (await sessions().read(token(sub="ann", nbf=NOW + 5), NOW)).user_id == "ann"
    assert await refusal(token(sub="ann", nbf=NOW + 3600)) == "session_invalid"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("rubbish", id="not a token"),
        pytest.param("a.b.c", id="not base64"),
        pytest.param(token(key="another key of thirty-two chars.", sub="ann"), id="another key"),
        pytest.param(token()[:-2], id="cut"),
        pytest.param(token(), id="names nobody"),
        pytest.param(token(sub="undefined"), id="garbage user"),
        pytest.param(token(sub="[object Object]"), id="garbage object"),
        pytest.param(token(sub="x" * 201), id="endless user"),
        pytest.param(token(sub="ann", exp="soon"), id="expires at no time"),
        pytest.param(jwt.encode({"sub": "ann"}, KEY), id="never expires"),
        pytest.param(jwt.encode({"sub": "ann", "exp": NOW + 60}, None, algorithm="none"), id="algorithm none"),
    ],
)
async def test_anything_else_is_refused(text: str) -> None:
    assert await refusal(text) == "session_invalid"


@pytest.mark.parametrize("algorithm", SIGNERS)
async def test_public_keys_are_taken_each_for_its_own_algorithm(algorithm: str) -> None:
    signer = SIGNERS[algorithm]
    checked = sessions(OneKey(pem(signer)))
    assert (await checked.read(token(signer, algorithm, sub="ann"), NOW)).user_id == "ann"
    for other, key in SIGNERS.items():
        if other != algorithm:
            assert await refusal(token(key, other, sub="ann"), checked) == "session_invalid"


async def test_a_public_key_is_never_taken_as_a_secret() -> None:
    """Key confusion: HS256 with the public key as the secret, which everybody knows."""
    public = pem(RSA)
    head, payload = (token(sub="ann").split(".")[part] for part in (0, 1))
    signature = jwt.utils.base64url_encode(
        jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
            f"{head}.{payload}".encode(), public.encode()
        )
    ).decode()
    assert await refusal(f"{head}.{payload}.{signature}", sessions(OneKey(public))) == "session_invalid"


async def test_audience_and_issuer_are_asked_for_where_set() -> None:
    strict = sessions(audience="shop", issuer="https://id.example")
    good = token(sub="ann", aud="shop", iss="https://id.example")
    assert (await strict.read(good, NOW)).user_id == "ann"
    assert await refusal(token(sub="ann", aud="other", iss="https://id.example"), strict) == "session_invalid"
    assert await refusal(token(sub="ann", aud="shop"), strict) == "session_invalid"
    assert (await sessions().read(good, NOW)).user_id == "ann"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("short", id="short secret"),
        pytest.param("-----BEGIN PUBLIC KEY-----\nrubbish\n-----END PUBLIC KEY-----", id="broken PEM"),
        pytest.param(pem(rsa.generate_private_key(65537, 1024)), id="weak RSA"),
        pytest.param(pem(ec.generate_private_key(ec.SECP384R1())), id="another curve"),
    ],
)
def test_a_key_that_is_of_no_use_is_refused_at_start(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|secret"):
        from_text(text)


class Address:
    """A JWKS address that can be changed and taken away."""

    def __init__(self, **signers: Any) -> None:
        self.signers, self.is_away, self.asked = signers, False, 0

    def __call__(self, url: str) -> bytes:
        self.asked += 1
        if self.is_away:
            raise OSError("away")
        forms = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
        keys = []
        for kid, signer in self.signers.items():
            form = next((f for kind, f in forms.items() if isinstance(signer, kind)), OKPAlgorithm)
            keys.append(json.loads(form.to_jwk(signer.public_key())) | {"kid": kid, "use": "sig"})  # type: ignore[attr-defined] # all have it
        return json.dumps({"keys": [*keys, {"kty": "unheard of"}]}).encode()


def signed(kid: str, signer: Any = RSA, algorithm: str = "RS256") -> str:
    return token(signer, algorithm, headers={"kid": kid}, sub="ann")


async def test_keys_come_from_an_address_and_rotate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "LEAST_SECONDS_BETWEEN", 0.0)
    address = Address(old=SIGNERS["ES256"])
    keys = Jwks("https://id.example/jwks", fetch=address)
    checked = sessions(keys)
    assert (await checked.read(signed("old", SIGNERS["ES256"], "ES256"), NOW)).user_id == "ann"
    address.signers = {"new": SIGNERS["EdDSA"]}
    assert (await checked.read(signed("new", SIGNERS["EdDSA"], "EdDSA"), NOW)).user_id == "ann"
    assert await refusal(signed("old", SIGNERS["ES256"], "ES256"), checked) == "session_invalid"


async def test_known_keys_outlive_an_outage_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "LEAST_SECONDS_BETWEEN", 0.0)
    address = Address(one=RSA)
    checked = sessions(Jwks("https://id.example/jwks", fetch=address))
    await checked.read(signed("one"), NOW)
    address.is_away = True
    assert await refusal(signed("other"), checked) == "session_invalid"
    assert (await checked.read(signed("one"), NOW)).user_id == "ann"


async def test_made_up_key_ids_do_not_flood_the_address() -> None:
    address = Address(one=RSA)
    checked = sessions(Jwks("https://id.example/jwks", fetch=address))
    for number in range(20):
        assert await refusal(signed(f"made up {number}"), checked) == "session_invalid"
    assert address.asked == 1


async def test_an_address_is_fetched_ahead_of_need() -> None:
    keys = Jwks("https://id.example/jwks", fetch=Address(one=RSA))
    assert not keys.is_loaded
    await keys.start()
    try:
        assert [key.algorithm for key in await keys.find("one")] == ["RS256"]
        assert keys.is_loaded
    finally:
        await keys.stop()


@pytest.mark.parametrize("document", [{}, [], {"keys": "x"}, {"keys": [{"kty": "RSA"}]}, {"keys": []}])
def test_a_document_without_usable_keys_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="JWKS"):
        from_jwks(document)
