"""Selects dead letters from the table: by reason, age or id."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from sinks.sql import read_statements

_SQL = read_statements(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterFilter:
    """Which dead letters; None means any. `since` is when they were first rejected."""

    reason: str | None = None
    since: datetime | None = None
    ids: Sequence[int] | None = None
    limit: int | None = None

    @classmethod
    def from_options(
        cls,
        now: datetime,
        *,
        reason: str | None = None,
        since_seconds: float | None = None,
        ids: Sequence[int] | None = None,
        limit: int | None = None,
    ) -> "DeadLetterFilter":
        """From the options of a command, which count `since` in seconds before now."""
        since = None if since_seconds is None else now - timedelta(seconds=since_seconds)
        return cls(reason=reason, since=since, ids=ids or None, limit=limit)

    def parameters(self) -> dict[str, Any]:
        """The parameters of the statements."""
        return {"reason": self.reason, "since": self.since, "ids": self.ids, "limit": self.limit}


def retryable(connection: psycopg.Connection, selected: DeadLetterFilter) -> list[tuple[int, str]]:
    """Id and reason of the selected dead letters that may be retried, oldest first."""
    return connection.execute(_SQL["retryable"], selected.parameters()).fetchall()


def export(connection: psycopg.Connection, selected: DeadLetterFilter) -> Iterator[Mapping[str, Any]]:
    """Everything that is stored of the selected dead letters, oldest first, ready for JSON; bytes in base64."""
    with connection.cursor(row_factory=dict_row) as cursor:
        for columns in cursor.stream(_SQL["export"], selected.parameters()):
            yield {name: _to_json(value) for name, value in columns.items()}


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    # Postgres breaks base64 into lines.
    return value.replace("\n", "") if isinstance(value, str) else value
