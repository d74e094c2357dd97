"""A connection to Postgres that is opened again after every error, and can be ended from another thread."""

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import psycopg

from service_kit.postgres import PostgresSettings
from sinks.connect import SessionNeeded, connect
from sinks.landing.errors import Halted, StoreMisconfigured, StoreUnavailable, WriteTimeout
from sinks.postgres.sqlstates import decision_of

APPLICATION = "footfall-sinks"
_CANCEL_TIMEOUT_SECONDS = 0.5
# A connection whose packets nobody acknowledges is given up after this time.
_TCP_TIMEOUT_MS = 10_000
# The same for both ends: whichever goes silent, the other one notices.
_KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
_CLIENT_OPTIONS: dict[str, Any] = {"keepalives": 1, "tcp_user_timeout": _TCP_TIMEOUT_MS, **_KEEPALIVES}
_SERVER_SETTINGS = {
    # Safe here: if a crash of Postgres loses the last commits, it loses their offsets too, and they are landed
    # again.
    "synchronous_commit": "off",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "tcp_user_timeout": str(_TCP_TIMEOUT_MS),
    **{f"tcp_{name}": str(value) for name, value in _KEEPALIVES.items()},
    "timezone": "UTC",
    # Nothing that landing asks for may read a whole day, however little Postgres knows of a table that is filling.
    # Plans that are off look expensive, which is what starts the compiler.
    "enable_seqscan": "off",
    "jit": "off",
}


class ReconnectingConnection:
    """A connection in autocommit. One thread uses it; `cancel` and `abort` are for others."""

    def __init__(self, where: PostgresSettings, *, statement_timeout_seconds: float) -> None:
        self._where = where
        self._settings = _SERVER_SETTINGS | {"statement_timeout": f"{int(statement_timeout_seconds * 1000)}ms"}
        # None, or closed, until the next `use`. Other threads read it: take it into a local before looking at it.
        self._connection: psycopg.Connection | None = None

    @contextlib.contextmanager
    def use(self) -> Iterator[psycopg.Connection]:
        """The connection. Errors of Postgres become those of `landing.errors`, and close the connection.

        After an error its state is not known: it may be in a failed transaction, or half dead.
        """
        try:
            yield self._open()
        except psycopg.Error as error:
            self.close()
            raise _landing_error(error) from error

    def close(self) -> None:
        """Close the connection; what was not committed is rolled back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def cancel(self) -> None:
        """Ask the server to cancel the statement that is running."""
        connection = self._connection
        if connection is not None and not connection.closed:
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=_CANCEL_TIMEOUT_SECONDS)

    def abort(self) -> None:
        """Shut the socket down, so that a thread that waits for the server fails now.

        `cancel` needs a server that answers, and `close` must not be called while another thread uses the
        connection.
        """
        connection = self._connection
        with contextlib.suppress(psycopg.Error, OSError):
            if connection is not None:
                with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
                    duplicate.shutdown(socket.SHUT_RDWR)

    def _open(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._where, APPLICATION, self._settings, **_CLIENT_OPTIONS)
        return self._connection


def _landing_error(error: psycopg.Error) -> StoreUnavailable | Halted:
    # Only the primary message: details and context may quote values of rows, which do not belong in a log.
    message = error.diag.message_primary or str(error).strip()
    if isinstance(error, SessionNeeded):
        return StoreMisconfigured(message)
    sqlstate_class = (error.sqlstate or "08")[:2]
    match decision_of(error):
        case "retry":
            return StoreUnavailable(message, sqlstate_class)
        case "shrink":
            return WriteTimeout(message, sqlstate_class)
        case _:
            # "isolate", "merge" and "create_partition" were tried where the batch was written, and did not help.
            return StoreMisconfigured(f"Postgres rejects what we write ({error.sqlstate}): {message}")
