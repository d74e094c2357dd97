"""Ids of recently acknowledged events, so that most duplicates are not published. Postgres has the last word."""

from collections import OrderedDict
from typing import Any, Literal

import orjson

MAX_IDS = 100_000

IdCheck = Literal["new", "duplicate", "conflict"]


def content_hash(raw: Any) -> int:
    """Identifies the content of an event within this process, whatever the order of its fields."""
    try:
        return hash(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS))
    except TypeError:  # more deeply nested than JSON is written: it is rejected, whatever else it holds
        return 0


class RecentIds:
    """The newest ids by sender.

    An id is added after the acknowledgement only: added earlier, a retry of an event that Kafka never got would be
    answered as a duplicate, and the event would be lost.
    """

    def __init__(self, max_ids: int = MAX_IDS) -> None:
        self._max_ids = max_ids
        self._hashes: OrderedDict[tuple[bytes | None, str], int] = OrderedDict()

    def check(self, limit_key: bytes | None, event_id: str, content: int) -> IdCheck:
        """Whether the id is new, or was acknowledged with this content, or with other content."""
        known = self._hashes.get((limit_key, event_id))
        if known is None:
            return "new"
        return "duplicate" if known == content else "conflict"

    def add(self, limit_key: bytes | None, event_id: str, content: int) -> None:
        """Remember an acknowledged event, and forget the oldest if there are too many."""
        self._hashes[limit_key, event_id] = content
        if len(self._hashes) > self._max_ids:
            self._hashes.popitem(last=False)
