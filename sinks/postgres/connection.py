"""One connection to Postgres: made anew after every error, and ended from outside where nobody may wait for it."""

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import psycopg

from sinks.landing.errors import Halted, StoreRefuses, StoreUnavailable, TookTooLong
from sinks.postgres.sqlstates import decision_of

APPLICATION = "footfall-sinks"
_CANCEL_SECONDS = 0.5
# Milliseconds until a connection is given up whose packets nobody acknowledges.
_SILENCE_MS = 10_000
# Whether our end or the server's goes silent: the other notices.
_KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
_LINE: dict[str, Any] = {"keepalives": 1, "tcp_user_timeout": _SILENCE_MS, **_KEEPALIVES}
_SESSION = {
    # Landing loses nothing by it: what a crash of Postgres takes back, the offsets take back too.
    "synchronous_commit": "off",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "tcp_user_timeout": str(_SILENCE_MS),
    **{f"tcp_{name}": str(value) for name, value in _KEEPALIVES.items()},
    "timezone": "UTC",
}


class Session:
    """A connection in autocommit. Use it from one thread; `cancel` and `cut` are for others."""

    def __init__(self, dsn: str, *, statement_timeout_seconds: float) -> None:
        self._dsn = dsn
        self._options = _SESSION | {"statement_timeout": f"{int(statement_timeout_seconds * 1000)}ms"}
        self._connection: psycopg.Connection | None = None

    @contextlib.contextmanager
    def use(self) -> Iterator[psycopg.Connection]:
        """The connection; Postgres's errors become decisions, and cost the connection."""
        try:
            yield self._connected()
        except psycopg.Error as error:
            self.close()
            raise _decided(error) from error

    def close(self) -> None:
        """Drop the connection; what was not committed is rolled back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def cancel(self) -> None:
        """Ask the server to end what it is doing for us."""
        connection = self._connection
        if connection is not None and not connection.closed:
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=_CANCEL_SECONDS)

    def cut(self) -> None:
        """End the connection under whoever waits for it: a server that does not answer cannot be asked."""
        connection = self._connection
        with contextlib.suppress(psycopg.Error, OSError):
            if connection is not None:
                with socket.socket(fileno=os.dup(connection.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=5,
                options=" ".join(f"-c {name}={value}" for name, value in self._options.items()),
                application_name=APPLICATION,
                **_LINE,
            )
        return self._connection


def _decided(error: psycopg.Error) -> StoreUnavailable | Halted:
    # Details and context may show values of rows, which do not belong into a log.
    said, state_class = error.diag.message_primary or str(error).strip(), (error.sqlstate or "08")[:2]
    match decision_of(error):
        case "wait":
            return StoreUnavailable(said, state_class)
        case "shrink":
            return TookTooLong(said, state_class)
        case _:
            # What could be done with the batch has been tried where it was written.
            return StoreRefuses(f"Postgres refuses to take events ({error.sqlstate}): {said}")
