"""The next offset of each partition: claimed after an assignment, moved in the transaction of the rows.

Moving an offset is what makes a batch ours. A second owner of the partition expects another offset, so it moves
nothing, and as its rows are in the same transaction it writes nothing.
"""

from collections.abc import Collection, Mapping
from uuid import UUID

import psycopg

from sinks.landing.errors import CannotContinue, Fenced
from sinks.landing.rows import OffsetRange
from sinks.sql import read_statements

SINK = "events"

_SQL = read_statements(__name__)


class Offsets:
    """The offsets of a topic in a cluster, for one owner."""

    def __init__(self, cluster_id: str, topic: str, owner: str, *, accept_new_topic: bool) -> None:
        self._values = {"sink": SINK, "cluster_id": cluster_id, "topic": topic, "owner": owner}
        self._accept_new_topic = accept_new_topic
        # Of each claimed partition, the offset up to which records were judged: beyond the next offset while a
        # part of the topic is read again.
        self.judged_to: dict[int, int] = {}

    def claim(
        self, connection: psycopg.Connection, begins: Mapping[int, int], topic_id: UUID | None
    ) -> dict[int, int]:
        """Become the owner of partitions, and return their next offsets: `begins` if nothing has landed yet.

        Terminates the connections of earlier owners. Raise CannotContinue if the offsets belong to another topic.
        The connection must be in autocommit.
        """
        values = {**self._values, "parts": list(begins), "topic_id": topic_id}
        connection.execute(_SQL["terminate_predecessors"], values)
        with connection.transaction():
            others = [part for (part,) in connection.execute(_SQL["other_topics"], values).fetchall()]
            if others and not self._accept_new_topic:
                raise CannotContinue(_another_topic(self._values["topic"], others))
            for part in others:
                connection.execute(_SQL["start_over"], {**values, "part": part, "begin": begins[part]})
            for part, begin in begins.items():
                connection.execute(_SQL["add"], {**values, "part": part, "begin": begin})
            claimed = connection.execute(_SQL["claim"], values).fetchall()
        self.judged_to = {part: judged_to for part, _next, judged_to in claimed}
        return {part: following for part, following, _judged_to in claimed}

    def next_offsets(self, connection: psycopg.Connection, partitions: Collection[int]) -> dict[int, int]:
        """The next offset of each partition."""
        values = {**self._values, "parts": list(partitions)}
        return dict(connection.execute(_SQL["next_offsets"], values).fetchall())

    def leader_epochs(self, connection: psycopg.Connection, partitions: Collection[int]) -> dict[int, int]:
        """The leader epoch of the last record that landed; -1 if it is not known."""
        values = {**self._values, "parts": list(partitions)}
        return dict(connection.execute(_SQL["leader_epochs"], values).fetchall())

    def move(self, connection: psycopg.Connection, ranges: Mapping[int, OffsetRange]) -> None:
        """Move each partition to the end of its range, in the transaction of the rows.

        Raise Fenced if an offset is not at the start of its range. The caller must roll back then.
        """
        # Sorted, so that the batches of two owners lock the rows in the same order.
        moves = [(part, covered.start, covered.next, covered.epoch) for part, covered in sorted(ranges.items())]
        if not moves:
            return
        parts, starts, nexts, epochs = (list(column) for column in zip(*moves, strict=True))
        values = {**self._values, "parts": parts, "starts": starts, "nexts": nexts, "epochs": epochs}
        moved = {part for (part,) in connection.execute(_SQL["move"], values).fetchall()}
        if fenced := [part for part in parts if part not in moved]:
            raise Fenced(fenced)


def _another_topic(topic: str, partitions: list[int]) -> str:
    return (
        f"the topic {topic} was recreated, or is in another cluster than the one that partitions {partitions} "
        "were landed from. Set FOOTFALL_ACCEPT_NEW_TOPIC=true to land it from its start; no event lands twice."
    )
