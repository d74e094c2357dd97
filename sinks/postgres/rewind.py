"""Reading a topic again: the stored offsets are moved back, and events that already landed become duplicates.

The running sinks notice with their next batch, which does not begin at the stored offset any more: it is fenced,
and the offsets are read again. Where no batch comes they look every few seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from sinks.postgres.offsets import SINK
from sinks.sql import read_statements

_SQL = read_statements(__name__)


@dataclass(frozen=True, slots=True)
class Rewind:
    """A partition that goes back from offset `next` to offset `to`."""

    partition: int
    next: int
    to: int


def plan(connection: psycopg.Connection, topic: str, targets: Mapping[int, int]) -> list[Rewind]:
    """The partitions whose stored offset is beyond their target."""
    found = connection.execute(_SQL["find"], {"sink": SINK, "topic": topic}).fetchall()
    return [Rewind(part, stored, targets[part]) for part, stored in found if targets.get(part, stored) < stored]


def go(connection: psycopg.Connection, topic: str, rewinds: Sequence[Rewind]) -> list[Rewind]:
    """Move the offsets back. Return those that were not moved, because a batch landed since they were planned."""
    missed = []
    for each in rewinds:
        moved = connection.execute(
            _SQL["move_back"],
            {"sink": SINK, "topic": topic, "part": each.partition, "next": each.next, "to": each.to},
        )
        if not moved.rowcount:
            missed.append(each)
    return missed
