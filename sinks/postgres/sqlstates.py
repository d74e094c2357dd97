"""What a Postgres error means for the batch, by its SQLSTATE."""

from typing import Literal

import psycopg

Decision = Literal["wait", "shrink", "merge", "create", "isolate", "halt"]

# Longest prefix first. An outage is never a dead letter, and what is not listed is a person's to decide.
_DECISIONS: tuple[tuple[str, Decision], ...] = (
    ("40001", "wait"),  # serialization failure
    ("40P01", "wait"),  # deadlock
    ("55P03", "wait"),  # lock not available
    ("25006", "wait"),  # read-only: it became a replica
    ("25P03", "wait"),  # idle in transaction too long: we were frozen
    ("57P01", "wait"),  # shutting down, or the connection was ended by somebody
    ("57P02", "wait"),  # crashed
    ("57P03", "wait"),  # starting up
    ("57P05", "wait"),  # idle too long
    ("57014", "shrink"),  # took longer than statement_timeout
    ("25P04", "shrink"),  # took longer than transaction_timeout
    ("23505", "merge"),  # the id is there already
    ("23514", "create"),  # no partition for the row
    ("23502", "isolate"),  # null where none may be
    ("08", "wait"),  # connection
    ("53", "wait"),  # disk full, out of memory, too many connections
    ("22", "isolate"),  # a value Postgres refuses
    ("54", "isolate"),  # a value too large or too complex
)


def decide(sqlstate: str) -> Decision:
    """Wait for Postgres, treat the batch another way, or halt."""
    return next((decision for prefix, decision in _DECISIONS if sqlstate.startswith(prefix)), "halt")


def decision_of(error: psycopg.Error) -> Decision:
    """The decision for an error; without a state it is of the client: the connection broke, or we are wrong."""
    if error.sqlstate == "23514" and error.diag.constraint_name:
        return "isolate"  # a check that the row breaks; a missing partition has no name
    if error.sqlstate is not None:
        return decide(error.sqlstate)
    return "wait" if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) else "halt"
