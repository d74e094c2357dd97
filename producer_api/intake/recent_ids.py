"""Ids that Kafka acknowledged lately, by which a repeat is known at once. Advisory: Postgres decides."""

from collections import OrderedDict
from typing import Any, Literal

import orjson

MAX_IDS = 100_000

Meeting = Literal["new", "repeat", "conflict"]


def digest(raw: Any) -> int:
    """What the content of an event is known by in this process, whatever the order of its fields."""
    return hash(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS))


class RecentIds:
    """The last ids, by who sent them. Entered after the acknowledgement: before, a crash loses events."""

    def __init__(self, most: int = MAX_IDS) -> None:
        self._most = most
        self._digests: OrderedDict[tuple[bytes | None, str], int] = OrderedDict()

    def meet(self, key: bytes | None, event_id: str, content: int) -> Meeting:
        """Whether this id is new, was acknowledged with this content, or with another."""
        known = self._digests.get((key, event_id))
        if known is None:
            return "new"
        return "repeat" if known == content else "conflict"

    def remember(self, key: bytes | None, event_id: str, content: int) -> None:
        """Kafka has acknowledged the event."""
        self._digests[key, event_id] = content
        if len(self._digests) > self._most:
            self._digests.popitem(last=False)
