"""What to do with a batch after a Postgres error, by its SQLSTATE."""

from typing import Literal

import psycopg

Decision = Literal["retry", "shrink", "merge", "create_partition", "isolate", "halt"]

# Longest prefix first. An outage never makes a dead letter, and for what is not listed an operator must
# decision_for.
_DECISIONS: tuple[tuple[str, Decision], ...] = (
    ("40001", "retry"),  # serialization failure
    ("40P01", "retry"),  # deadlock
    ("55P03", "retry"),  # lock not available
    ("25006", "retry"),  # read-only: the server became a replica
    ("25P03", "retry"),  # idle in transaction for too long: we were frozen
    ("57P01", "retry"),  # shutting down, or somebody terminated the connection
    ("57P02", "retry"),  # crashed
    ("57P03", "retry"),  # starting up
    ("57P05", "retry"),  # idle too long
    ("57014", "shrink"),  # took longer than statement_timeout
    ("25P04", "shrink"),  # took longer than transaction_timeout
    ("23505", "merge"),  # the id exists already
    ("23514", "create_partition"),  # no partition for the row, see decision_of
    ("23502", "isolate"),  # null in a column that must not be null
    ("08", "retry"),  # connection
    ("53", "retry"),  # disk full, out of memory, too many connections
    ("22", "isolate"),  # a value that Postgres rejects
    ("54", "isolate"),  # a value too large or too complex
)


def decision_for(sqlstate: str) -> Decision:
    """The decision for a SQLSTATE: retry later, write the batch in another way, or halt."""
    return next((decision for prefix, decision in _DECISIONS if sqlstate.startswith(prefix)), "halt")


def decision_of(error: psycopg.Error) -> Decision:
    """The decision for an error. One without SQLSTATE is the client's: the connection broke, or we have a bug."""
    if error.sqlstate == "23514" and error.diag.constraint_name:
        # A check constraint that the row violates. A missing partition has the same SQLSTATE, and no constraint.
        return "isolate"
    if error.sqlstate is not None:
        return decision_for(error.sqlstate)
    return "retry" if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) else "halt"
