"""Only a session that is signed, in time and names somebody is taken."""

import time
from typing import Any

import jwt
import pytest

from producer_api.errors import NotAllowed
from producer_api.session import Session, SessionReader

KEY = "a key of thirty-two characters.."
NOW = time.time()


def reader() -> SessionReader:
    return SessionReader(KEY, user_claim="sub", session_claim="sid")


def token(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"exp": NOW + 60} | claims, key, algorithm=algorithm)


def refusal(text: str, now: float = NOW) -> str:
    with pytest.raises(NotAllowed) as refused:
        reader().read(text, now)
    return refused.value.fault.code


def test_a_session_names_its_user_and_itself() -> None:
    assert reader().read(token(sub="ann", sid="s1"), NOW) == Session("ann", "s1")
    assert reader().read(token(sub="7"), NOW) == Session("7", None)


def test_an_expired_session_is_refused_after_a_little_leeway() -> None:
    assert refusal(token(sub="ann", exp=NOW - 11)) == "session_expired"
    assert reader().read(token(sub="ann", exp=NOW - 9), NOW) == Session("ann")


def test_a_session_that_was_good_expires_too() -> None:
    session, checked = token(sub="ann"), reader()
    checked.read(session, NOW)
    with pytest.raises(NotAllowed, match="session_expired"):
        checked.read(session, NOW + 71)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("rubbish", id="not a token"),
        pytest.param(token(key="another key of thirty-two chars.", sub="ann"), id="another key"),
        pytest.param(token()[:-2], id="cut"),
        pytest.param(token(), id="names nobody"),
        pytest.param(token(sub="undefined"), id="garbage user"),
        pytest.param(token(sub="[object Object]"), id="garbage object"),
        pytest.param(token(sub="x" * 201), id="endless user"),
        pytest.param(jwt.encode({"sub": "ann"}, KEY), id="never expires"),
        pytest.param(jwt.encode({"sub": "ann", "exp": NOW + 60}, None, algorithm="none"), id="algorithm none"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    assert refusal(text) == "session_invalid"
