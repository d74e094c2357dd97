"""Whose events a request holds. A backend sends for many users, and says with each event for whom. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from avro_schemas.validation.fault import Fault, describe_value
from producer_api.errors import Forbidden
from producer_api.privacy.hashes import Hasher
from producer_api.request import Sender
from producer_api.senders.claims import MAX_ID_LENGTH, parse_id

# The fields of an event that only backends may send.
SENDER_FIELDS = ("user_id", "session_id")
_FORM = f"a real id of at most {MAX_ID_LENGTH} characters, not a placeholder such as undefined"
_BACKENDS_ONLY = "only in requests with the key of a backend, in the header Footfall-Key"


class Keys(NamedTuple):
    """The keyed hashes of a sender. `limit` is held in memory only, so it is there even after an opt-out."""

    user: bytes | None
    session: bytes | None
    visitor: bytes | None
    limit: bytes | None


def keys_of(sender: Sender, hasher: Hasher) -> Keys:
    """The keys of a sender."""
    user_key = hasher.user_key(sender.user_id) if sender.user_id else None
    session_key = hasher.session_key(sender.session_id) if sender.session_id else None
    visitor_key = hasher.visitor_key(sender.visitor_id) if sender.visitor_id else None
    return Keys(user_key, session_key, visitor_key, user_key or session_key or visitor_key)


def by_sender(events: Sequence[Any], sender: Sender) -> Iterable[tuple[Sender, Sequence[int]]]:
    """The senders and the indexes of their events, in the order of their first events.

    Takes the ids out of a backend's events. Ids that are left, there and in events of others, are faults.
    """
    if sender.backend is None:
        return ((sender, range(len(events))),)
    indexes: dict[Sender, list[int]] = {}
    for index, event in enumerate(events):
        own = _take_sender(event, sender) if type(event) is dict else sender
        indexes.setdefault(own, []).append(index)
    return indexes.items()


def _take_sender(event: dict[str, Any], sender: Sender) -> Sender:
    """Whom an event of a backend names: never the user of the event with the session of the request."""
    named = [name for name in SENDER_FIELDS if name in event]
    if not named:
        return sender
    ids = dict.fromkeys(SENDER_FIELDS)
    for name in named:
        try:
            ids[name] = parse_id(event, name)
        except Forbidden:
            continue
        del event[name]
    return replace(sender, user_id=ids["user_id"], session_id=ids["session_id"])


def sender_fault(name: str, value: Any, *, from_backend: bool) -> Fault:
    """Why an event may not name its sender like this."""
    code, expected = ("format_invalid", _FORM) if from_backend else ("field_unknown", _BACKENDS_ONLY)
    return Fault(code, f"/{name}", expected, describe_value(value))
