"""Erasure: removes what somebody sent, and keeps it from landing again when topic or dead letters are replayed.

Somebody is a user, a visitor (a browser) or a session, by its key. Of a user also goes what the same browsers and
sessions sent before they signed in: events without a user, whose visitor or session the user's events have too.

The events stay in Kafka until its retention ends, so removing rows is not enough: every batch checks the list of
erased keys before it lands, and skips what was sent with them up to the request.

The race to exclude: a batch reads the list, then a key is listed and rows are removed, then the batch commits rows
with it. So batches take a shared lock when they read the list and hold it until they commit, and a key is only
inserted while no batch holds it. A batch that starts later sees the key.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg import sql

from avro_schemas.record_key import record_key
from sinks.columns import NAMES
from sinks.locks import lock_key
from sinks.retention.content import SUMS, take_removed
from sinks.retention.packing import COVERED, RemovedRows, erase, lock_day
from sinks.sql import read_statements
from sinks.visits.derive import drain
from sinks.visits.queue import ADD_REMOVED, forget_keys

_LOCK = lock_key("erasures")
_SHARE = sql.SQL("select pg_advisory_xact_lock_shared({})").format(_LOCK)
_TRY = sql.SQL("select pg_try_advisory_xact_lock({})").format(_LOCK)
_RETRY_SECONDS = 0.02
_SQL = read_statements(__name__)
_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, NAMES))
_COUNT = _SQL["count"].format(covered=COVERED)

Scope = Literal["user", "visitor", "session", "guest"]


@dataclass(frozen=True, slots=True)
class Removed:
    """What an erasure removed."""

    rows: int
    dead_letters: int


class ErasedKeys:
    """Erased keys, as a landing process knows them. They are only added, so each batch reads the new ones."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Read the whole list again with the next batch."""
        self._newest = 0
        self._until: dict[Scope, dict[bytes | None, float]] = defaultdict(dict)

    def refresh(self, connection: psycopg.Connection) -> None:
        """Read new keys, in the transaction of a batch. None is inserted until that transaction ends."""
        connection.execute(_SHARE)
        found = connection.execute(_SQL["newer_keys"], {"newest": self._newest})
        for number, scope, key, requested_at in found.fetchall():
            self._newest = number
            of_scope = self._until[scope]
            of_scope[key] = max(of_scope.get(key, 0.0), requested_at.timestamp() * 1000)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._until)

    def cover(
        self, user_key: bytes | None, visitor_key: bytes | None, session_key: bytes | None, received_at: int
    ) -> bool:
        """Whether an event with these keys, received at this time (milliseconds since 1970), must not land."""
        until = [self._of("visitor", visitor_key), self._of("session", session_key)]
        if user_key is not None:
            until.append(self._of("user", user_key))
        else:
            until += self._of("guest", visitor_key), self._of("guest", session_key)
        return received_at <= max(until)

    def cover_record(self, key: bytes | None, timestamp: int) -> bool:
        """Whether a record that cannot be read, and has this key in Kafka, must not be stored."""
        scopes: tuple[Scope, ...] = ("user", "visitor", "session", "guest")
        return timestamp <= max(self._of(scope, key) for scope in scopes)

    def _of(self, scope: Scope, key: bytes | None) -> float:
        return self._until[scope].get(key, -1.0) if scope in self._until else -1.0


def request(
    connection: psycopg.Connection, key: bytes, requested_at: datetime, receipt: str, scope: Scope = "user"
) -> list[bytes]:
    """List a key, and for a user those of the same guest, which are returned. Doing it again changes nothing.

    The connection must be in autocommit mode.
    """
    asked = {"scope": scope, "key": key, "requested_at": requested_at, "receipt": receipt}
    _list_keys(connection, [asked])
    if scope != "user":
        return []
    # Only now, when no further event of the user lands.
    guests = [guest for (guest,) in connection.execute(_SQL["guest_keys"], asked).fetchall()]
    _list_keys(connection, [asked | {"scope": "guest", "key": guest} for guest in guests])
    return guests


def remove(connection: psycopg.Connection, receipt: str, requested_at: datetime) -> Removed:
    """Remove what a listed request covers, one day per transaction, newest first. Safe to interrupt and to repeat.

    The connection must be in autocommit mode.
    """
    covered = _covered(connection.execute(_SQL["keys"], {"receipt": receipt}).fetchall(), requested_at)
    for schema, table, day in connection.execute(_SQL["tables"]).fetchall():
        with connection.transaction():
            if day:
                # Rows that are being packed would be neither hot nor packed for the two statements below.
                lock_day(connection, day)
            delete = _SQL["delete_hot_rows"].format(
                raw_table=sql.Identifier(schema, table),
                covered=COVERED,
                columns=_COLUMNS,
                sums=SUMS,
                queue_removed=ADD_REMOVED,
            )
            removed = [RemovedRows(*columns) for columns in connection.execute(delete, covered).fetchall()]
            _note_removed(connection, receipt, [*removed, *(erase(connection, day, covered) if day else [])])
    with connection.transaction():
        (dead_letters,) = connection.execute(_SQL["delete_dead_letters"], covered).fetchone() or (0,)
        connection.execute(_SQL["add_dead_letters_removed"], {"dead_letters": dead_letters, "receipt": receipt})
        forget_keys(connection, covered["users"], covered["visitors"])
    # Visits follow at once: when the request is answered, nothing of it is left.
    drain(connection)
    totals = connection.execute(_SQL["finish"], {"receipt": receipt}).fetchone()
    return Removed(*(totals or (0, 0)))


def count(connection: psycopg.Connection, key: bytes, requested_at: datetime, scope: Scope = "user") -> Removed:
    """What `remove` would remove."""
    asked = {"key": key, "requested_at": requested_at}
    guests = connection.execute(_SQL["guest_keys"], asked).fetchall() if scope == "user" else []
    keys: list[tuple[Scope, bytes]] = [(scope, key), *(("guest", guest) for (guest,) in guests)]
    found = connection.execute(_COUNT, _covered(keys, requested_at)).fetchone()
    return Removed(*(found or (0, 0)))


def _list_keys(connection: psycopg.Connection, keys: Iterable[Mapping[str, Any]]) -> None:
    while True:
        with connection.transaction():
            # Polls instead of waiting: a waiting exclusive lock would make every new batch queue behind it.
            (locked,) = connection.execute(_TRY).fetchone() or (False,)
            if locked:
                for each in keys:
                    connection.execute(_SQL["insert_request"], each)
                    connection.execute(_SQL["insert_key"], each)
                return
        time.sleep(_RETRY_SECONDS)


def _covered(keys: Iterable[tuple[Scope, bytes]], until: datetime) -> dict[str, Any]:
    """The parameters of `COVERED`, and the keys that records have in Kafka."""
    by_scope: dict[str, Any] = {"users": [], "visitors": [], "sessions": [], "guests": []}
    for scope, key in keys:
        by_scope[f"{scope}s"].append(key)
    return {
        **by_scope,
        "record_keys": [record_key(key) for of_scope in by_scope.values() for key in of_scope],
        "until": until,
    }


def _note_removed(connection: psycopg.Connection, receipt: str, removed: Iterable[RemovedRows]) -> None:
    for each in removed:
        connection.execute(
            _SQL["add_erased_rows"],
            {"day": each.day, "receipt": receipt, "event_type": each.event_type, "rows": each.rows},
        )
        connection.execute(_SQL["add_rows_removed"], {"receipt": receipt, "rows": each.rows})
        take_removed(connection, each.day, each.ids, each.contents)
