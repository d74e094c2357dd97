"""Which user and which session the claims of a verified token name."""

from collections.abc import Mapping
from typing import Any

from producer_api.errors import NotAllowed

MAX_ID_LENGTH = 200
# What a frontend sends before its own user is loaded; taken as ids they would merge all visitors into one.
_GARBAGE = frozenset(
    {"", "null", "undefined", "none", "nil", "nan", "anonymous", "guest", "[object object]", "true", "false", "0"}
)


def ids_in(claims: Mapping[str, Any], user_claim: str, session_claim: str) -> tuple[str | None, str | None]:
    """The ids of user and session. Raise NotAllowed if the claims name neither."""
    user_id, session_id = id_in(claims, user_claim), id_in(claims, session_claim)
    if user_id is None and session_id is None:
        raise NotAllowed("session_invalid", f"a session with a claim {user_claim} or {session_claim}")
    return user_id, session_id


def id_in(claims: Mapping[str, Any], name: str) -> str | None:
    """The id that a claim holds. Raise NotAllowed for one that names nobody."""
    value = claims.get(name)
    if value is None:
        return None
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if text.strip().lower() in _GARBAGE or len(text) > MAX_ID_LENGTH:
        raise NotAllowed("session_invalid", f"a session whose {name} names somebody")
    return text
