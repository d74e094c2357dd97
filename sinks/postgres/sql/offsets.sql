-- name: other_topics
-- Partitions whose stored offset belongs to another topic of the same name: the topic was recreated (it has another id),
-- or it is in another cluster. The latter only if nothing was ever landed from this cluster: otherwise its own row says
-- where to go on.
select part
from sink_offsets as stored
where sink = %(sink)s and topic = %(topic)s and part = any(%(parts)s)
    and (
        cluster_id = %(cluster_id)s and topic_id <> %(topic_id)s::uuid
        or cluster_id <> %(cluster_id)s and not exists (
            select from sink_offsets as ours
            where ours.sink = stored.sink and ours.topic = stored.topic and ours.part = stored.part
                and ours.cluster_id = %(cluster_id)s
        )
    )
order by part

-- name: start_over
-- The partition begins again with another topic. What was read of the earlier one is added to `earlier_reads`, so that the
-- audit still adds up.
update sink_offsets
set cluster_id = %(cluster_id)s, topic_id = %(topic_id)s,
    earlier_reads = earlier_reads + next_offset - first_offset,
    first_offset = %(begin)s, next_offset = %(begin)s, judged_to = %(begin)s, leader_epoch = -1
where sink = %(sink)s and topic = %(topic)s and part = %(part)s

-- name: terminate_predecessors
-- Ends the connections that landed these partitions before. Each claim has a connection of its own, so whoever still
-- uses an earlier one is frozen, or has not heard of the rebalance. Without this we would wait for the locks of its open
-- transaction, or it could commit after we have read the offsets. The time of the start tells a connection from a later
-- one with the same process id.
select pg_terminate_backend(active.pid)
from (
    select distinct backend_pid, backend_start
    from sink_offsets
    where sink = %(sink)s and cluster_id = %(cluster_id)s and topic = %(topic)s and part = any(%(parts)s)
) as earlier
join pg_stat_activity as active on active.pid = earlier.backend_pid and active.backend_start = earlier.backend_start
where active.pid <> pg_backend_pid()

-- name: add
-- A partition that never landed anything starts where its log does.
insert into sink_offsets (sink, cluster_id, topic, part, first_offset, next_offset, judged_to, owner)
values (%(sink)s, %(cluster_id)s, %(topic)s, %(part)s, %(begin)s, %(begin)s, %(begin)s, %(owner)s)
on conflict do nothing

-- name: claim
-- Notes us as the owner, with our connection, and returns where to go on, and how far records were judged. The row locks make a predecessor that is just
-- committing finish first.
update sink_offsets
set owner = %(owner)s, topic_id = coalesce(topic_id, %(topic_id)s),
    backend_pid = pg_backend_pid(),
    backend_start = (select backend_start from pg_stat_activity where pid = pg_backend_pid())
where sink = %(sink)s and cluster_id = %(cluster_id)s and topic = %(topic)s and part = any(%(parts)s)
returning part, next_offset, judged_to

-- name: next_offsets
select part, next_offset
from sink_offsets
where sink = %(sink)s and cluster_id = %(cluster_id)s and topic = %(topic)s and part = any(%(parts)s)

-- name: leader_epochs
select part, leader_epoch
from sink_offsets
where sink = %(sink)s and cluster_id = %(cluster_id)s and topic = %(topic)s and part = any(%(parts)s)

-- name: move
-- The fence, a compare-and-swap: an offset moves only if it is still where the batch started. Of two owners of a
-- partition, the second one finds another offset, gets no row back, and rolls back its rows with it.
update sink_offsets as stored
set next_offset = moved.next, judged_to = greatest(stored.judged_to, moved.next), leader_epoch = moved.epoch,
    owner = %(owner)s, updated_at = now()
from unnest(%(parts)s::integer[], %(starts)s::bigint[], %(nexts)s::bigint[], %(epochs)s::integer[])
    as moved (part, start, next, epoch)
where stored.sink = %(sink)s and stored.cluster_id = %(cluster_id)s and stored.topic = %(topic)s
    and stored.part = moved.part and stored.next_offset = moved.start
returning stored.part
