"""What a Postgres error means for the batch, by its SQLSTATE."""

from typing import Literal

Decision = Literal["wait", "merge", "create", "isolate", "halt"]

# Longest prefix first.
_DECISIONS: tuple[tuple[str, Decision], ...] = (
    ("40001", "wait"),  # serialization failure
    ("40P01", "wait"),  # deadlock
    ("55P03", "wait"),  # lock not available
    ("25006", "wait"),  # became a replica
    ("57P01", "wait"),  # shutting down
    ("57P02", "wait"),
    ("57P03", "wait"),  # starting up
    ("57014", "wait"),  # statement timeout
    ("23505", "merge"),  # the id is there already
    ("23514", "create"),  # no partition for the row
    ("25P03", "wait"),  # idle in transaction too long
    ("23502", "isolate"),  # null where none may be
    ("08", "wait"),  # connection
    ("53", "wait"),  # disk full, out of memory, too many connections
    ("22", "isolate"),  # a value Postgres refuses
    ("54", "isolate"),  # a value too complex
)


def decide(sqlstate: str | None) -> Decision:
    """Wait for Postgres, treat the batch another way, or halt. Without a state the connection broke."""
    if sqlstate is None:
        return "wait"
    return next((decision for prefix, decision in _DECISIONS if sqlstate.startswith(prefix)), "halt")
