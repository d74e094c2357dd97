"""Choosing dead letters of the table: by reason, age or number."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

_CHOSEN = """
from dead_letters
where (%(reason)s::text is null or reason = %(reason)s)
    and (%(since)s::timestamptz is null or rejected_at >= %(since)s)
    and (%(ids)s::bigint[] is null or id = any(%(ids)s))
"""
_WHOLE = (
    "select id, topic, part as partition, record_offset as offset, reason, detail, sqlstate, attempts,"
    " appended_at, rejected_at, tried_at, published_at,"
    " encode(record_key, 'base64') as key, encode(record_value, 'base64') as value,"
    f" headers {_CHOSEN} order by id limit %(limit)s"
)
# Rows of days that are dropped would be there again, and their day does not add up.
_DUE = (
    f"select id, reason {_CHOSEN} and not exists (select from days where day = appended_at::date"
    " and state in ('detaching', 'dropped')) order by id limit %(limit)s"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which letters; all of them where nothing is said."""

    reason: str | None = None
    since: datetime | None = None
    ids: Sequence[int] | None = None
    limit: int | None = None

    @classmethod
    def of(
        cls,
        now: datetime,
        *,
        reason: str | None = None,
        seconds: float | None = None,
        ids: Sequence[int] | None = None,
        limit: int | None = None,
    ) -> "Selection":
        """As the options of a command say it: put aside so many seconds before now, or later."""
        since = None if seconds is None else now - timedelta(seconds=seconds)
        return cls(reason=reason, since=since, ids=ids or None, limit=limit)

    def named(self) -> dict[str, Any]:
        """The values of the queries."""
        return {"reason": self.reason, "since": self.since, "ids": self.ids, "limit": self.limit}


def due(connection: psycopg.Connection, selection: Selection) -> list[tuple[int, str]]:
    """Number and reason of the letters that may be tried again, oldest first."""
    return connection.execute(_DUE.encode(), selection.named()).fetchall()


def whole(connection: psycopg.Connection, selection: Selection) -> Iterator[Mapping[str, Any]]:
    """The letters with all that is kept of them, as JSON has it; bytes in base64."""
    with connection.cursor(row_factory=dict_row) as cursor:
        for letter in cursor.stream(_WHOLE.encode(), selection.named()):
            yield {name: _plain(value) for name, value in letter.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return value.replace("\n", "") if isinstance(value, str) else value
