"""A session must name a user or itself, and not with what stands for nobody."""

from typing import Any

import pytest

from producer_api.errors import NotAllowed
from producer_api.senders.claims import ids_in


def test_claims_name_user_and_session() -> None:
    assert ids_in({"sub": "ann", "sid": "s1"}, "sub", "sid") == ("ann", "s1")
    assert ids_in({"sub": 7}, "sub", "sid") == ("7", None)
    assert ids_in({"uid": "ann"}, "uid", "sid") == ("ann", None)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({}, id="names nobody"),
        pytest.param({"sub": "undefined"}, id="garbage user"),
        pytest.param({"sub": "[object Object]"}, id="garbage object"),
        pytest.param({"sub": True}, id="no text"),
        pytest.param({"sub": "x" * 201}, id="endless user"),
        pytest.param({"sub": "ann", "sid": "null"}, id="garbage session"),
    ],
)
def test_claims_that_name_nobody_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed) as refused:
        ids_in(claims, "sub", "sid")
    assert refused.value.fault.code == "session_invalid"
