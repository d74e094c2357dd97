"""How far each partition has landed: claimed at an assignment, moved in the transaction of the rows.

Who moves an offset owns the batch: a second owner, who expects another one, moves nothing and writes nothing.
"""

from collections.abc import Mapping
from uuid import UUID

import psycopg

from sinks.landing.errors import CannotGoOn, Fenced
from sinks.landing.rows import Span

SINK = "events"

# Partitions whose row is of another topic: recreated under the same name, or in another cluster.
_STRANGERS = """
select part from sink_offsets as held
where sink = %(sink)s and topic = %(topic)s and part = any(%(parts)s)
    and (
        cluster_id = %(cluster_id)s and topic_id <> %(topic_id)s::uuid
        or cluster_id <> %(cluster_id)s and not exists (
            select from sink_offsets as mine
            where mine.sink = held.sink and mine.topic = held.topic and mine.part = held.part
                and mine.cluster_id = %(cluster_id)s
        )
    )
order by part
"""
_BEGIN_ANEW = """
update sink_offsets set cluster_id = %(cluster_id)s, topic_id = %(topic_id)s,
    earlier_reads = earlier_reads + next_offset - coalesce(first_offset, next_offset),
    first_offset = %(begin)s, next_offset = %(begin)s
where sink = %(sink)s and topic = %(topic)s and part = %(part)s
"""
# Each assignment has a connection of its own: whoever still uses the one of before is frozen or does not know yet.
_END_PREDECESSORS = """
select pg_terminate_backend(active.pid)
from (
    select distinct backend_pid, backend_start from sink_offsets
    where sink = %(sink)s and cluster_id = %(cluster_id)s and topic = %(topic)s and part = any(%(parts)s)
) as held
join pg_stat_activity as active on active.pid = held.backend_pid and active.backend_start = held.backend_start
where active.pid <> pg_backend_pid()
"""
_ADD = """
insert into sink_offsets (sink, cluster_id, topic, part, first_offset, next_offset, owner)
values (%(sink)s, %(cluster_id)s, %(topic)s, %(part)s, %(begin)s, %(begin)s, %(owner)s) on conflict do nothing
"""
_TAKE = """
update sink_offsets set owner = %(owner)s, topic_id = coalesce(topic_id, %(topic_id)s),
    backend_pid = pg_backend_pid(),
    backend_start = (select backend_start from pg_stat_activity where pid = pg_backend_pid())
where sink = %(sink)s and cluster_id = %(cluster_id)s and topic = %(topic)s and part = any(%(parts)s)
returning part, next_offset
"""
_MOVE = """
update sink_offsets as held set next_offset = moved.next, owner = %(owner)s, updated_at = now()
from unnest(%(parts)s::integer[], %(starts)s::bigint[], %(nexts)s::bigint[]) as moved (part, start, next)
where held.sink = %(sink)s and held.cluster_id = %(cluster_id)s and held.topic = %(topic)s
    and held.part = moved.part and held.next_offset = moved.start
returning held.part
"""


class Offsets:
    """The offsets of a topic in a cluster, for one owner."""

    def __init__(self, cluster_id: str, topic: str, owner: str, *, accept_new_topic: bool) -> None:
        self._named = {"sink": SINK, "cluster_id": cluster_id, "topic": topic, "owner": owner}
        self._accept_new_topic = accept_new_topic

    def claim(
        self, connection: psycopg.Connection, begins: Mapping[int, int], topic_id: UUID | None
    ) -> dict[int, int]:
        """Where each partition goes on; `begins` for those that never landed anything.

        Ends whoever wrote to them before. Raise CannotGoOn where the offsets are of another topic. The connection
        must be in autocommit.
        """
        named = {**self._named, "parts": list(begins), "topic_id": topic_id}
        connection.execute(_END_PREDECESSORS, named)
        with connection.transaction():
            strangers = [part for (part,) in connection.execute(_STRANGERS, named).fetchall()]
            if strangers and not self._accept_new_topic:
                raise CannotGoOn(_another_topic(self._named["topic"], strangers))
            for part in strangers:
                connection.execute(_BEGIN_ANEW, {**named, "part": part, "begin": begins[part]})
            for part, begin in begins.items():
                connection.execute(_ADD, {**named, "part": part, "begin": begin})
            return dict(connection.execute(_TAKE, named).fetchall())

    def move(self, connection: psycopg.Connection, spans: Mapping[int, Span]) -> None:
        """Move each partition on, in the transaction of its rows. Raise Fenced where it stands elsewhere."""
        moves = [(part, span.start, span.next) for part, span in sorted(spans.items())]
        if not moves:
            return
        parts, starts, nexts = (list(column) for column in zip(*moves, strict=True))
        named = {**self._named, "parts": parts, "starts": starts, "nexts": nexts}
        moved = {part for (part,) in connection.execute(_MOVE, named).fetchall()}
        if fenced := [part for part in parts if part not in moved]:
            raise Fenced(fenced)


def _another_topic(topic: str, partitions: list[int]) -> str:
    return (
        f"the topic {topic} was recreated, or is in another cluster than the one that partitions {partitions} "
        "were landed from. Set FOOTFALL_ACCEPT_NEW_TOPIC=true to land it from its start; no row comes twice."
    )
