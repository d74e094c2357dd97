"""A session must name a user or itself, with a real id."""

from typing import Any

import pytest

from producer_api.errors import Forbidden
from producer_api.senders.claims import user_and_session_ids


def test_claims_name_user_and_session() -> None:
    assert user_and_session_ids({"sub": "ann", "sid": "s1"}, "sub", "sid") == ("ann", "s1")
    assert user_and_session_ids({"sub": 7}, "sub", "sid") == ("7", None)
    assert user_and_session_ids({"sub": "guest", "sid": "s1"}, "sub", "sid") == (None, "s1")
    assert user_and_session_ids({"sub": "ann", "sid": ["s1"]}, "sub", "sid") == ("ann", None)
    assert user_and_session_ids({"uid": "ann"}, "uid", "sid") == ("ann", None)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({}, id="no claims"),
        pytest.param({"sub": "undefined"}, id="placeholder user"),
        pytest.param({"sub": "[object Object]"}, id="placeholder object"),
        pytest.param({"sub": True}, id="not a text"),
        pytest.param({"sub": "x" * 201}, id="user id too long"),
        pytest.param({"sub": "ann\ud800"}, id="not Unicode"),
        pytest.param({"sub": "guest", "sid": "null"}, id="placeholder session"),
    ],
)
def test_claims_that_name_nobody_are_rejected(claims: dict[str, Any]) -> None:
    with pytest.raises(Forbidden) as rejected:
        user_and_session_ids(claims, "sub", "sid")
    assert rejected.value.fault.code == "session_invalid"
