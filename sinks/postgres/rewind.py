"""Reading the topic again: the stored offsets are moved back, and what landed before is a duplicate now.

Whoever lands notices at the next batch: the offset is not where it was expected, so nothing is written and it is
read again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from sinks.postgres.offsets import SINK


@dataclass(frozen=True, slots=True)
class Rewind:
    """A partition that goes back: from the offset that was next to the one that will be."""

    partition: int
    next: int
    to: int


def plan(connection: psycopg.Connection, topic: str, targets: Mapping[int, int]) -> list[Rewind]:
    """The partitions that stand behind their target."""
    found = connection.execute(
        "select part, next_offset from sink_offsets where sink = %s and topic = %s order by part", [SINK, topic]
    ).fetchall()
    return [Rewind(part, stands, targets[part]) for part, stands in found if targets.get(part, stands) < stands]


def go(connection: psycopg.Connection, topic: str, rewinds: Sequence[Rewind]) -> list[Rewind]:
    """Move the offsets; those that moved on meanwhile stay, and are given back."""
    missed = []
    for each in rewinds:
        moved = connection.execute(
            "update sink_offsets set next_offset = %s, passed = passed + %s, updated_at = now()"
            " where sink = %s and topic = %s and part = %s and next_offset = %s",
            [each.to, each.next - each.to, SINK, topic, each.partition, each.next],
        )
        if not moved.rowcount:
            missed.append(each)
    return missed
