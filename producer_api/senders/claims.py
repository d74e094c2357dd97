"""The user and the session that the claims of a verified token name."""

from collections.abc import Mapping
from typing import Any

from producer_api.errors import Forbidden

MAX_ID_LENGTH = 200
# What frontends send before they know their own user. Accepted as ids, they would merge all visitors into one.
_PLACEHOLDERS = frozenset(
    {"", "null", "undefined", "none", "nil", "nan", "anonymous", "guest", "[object object]", "true", "false", "0"}
)


def user_and_session_ids(
    claims: Mapping[str, Any], user_claim: str, session_claim: str
) -> tuple[str | None, str | None]:
    """The ids of user and session, without what cannot be one. Raise Forbidden if the claims name neither."""
    ids, wrong = list[str | None](), list[Forbidden]()
    for name in (user_claim, session_claim):
        try:
            ids.append(parse_id(claims, name))
        except Forbidden as error:
            ids.append(None)
            wrong.append(error)
    user_id, session_id = ids
    if user_id is None and session_id is None:
        raise (
            wrong[0]
            if wrong
            else Forbidden("session_invalid", f"a session with a claim {user_claim} or {session_claim}")
        )
    return user_id, session_id


def parse_id(claims: Mapping[str, Any], name: str) -> str | None:
    """The id in a claim, if there is one. Raise Forbidden for a placeholder, and for anything but a short text."""
    value = claims.get(name)
    if value is None:
        return None
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    # A lone surrogate, which JSON can express, is not text: it has no bytes to hash.
    if text.strip().lower() in _PLACEHOLDERS or len(text) > MAX_ID_LENGTH or not _is_unicode(text):
        raise Forbidden("session_invalid", f"a session whose {name} is a real id")
    return text


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
