-- name: pending
-- The oldest corrections, at least one, of so many bytes together. By number, so by time over all partitions: a flood in
-- one of them does not keep the others waiting.
with oldest as (
    select number, part, coalesce(octet_length(record_key), 0) + octet_length(record_value) as bytes
    from pending_corrections
    where cluster_id = %(cluster_id)s and topic = %(topic)s
    order by number, part
    limit %(limit)s
),
summed as (
    select number, part, sum(bytes) over (order by number, part) - bytes as bytes_before from oldest
)
select
    part, number, topic_id, record_offset, event_id, is_row, reason, again,
    (extract(epoch from appended_at) * 1000)::bigint, record_key, record_value
from pending_corrections
join summed using (number, part)
where cluster_id = %(cluster_id)s and topic = %(topic)s and bytes_before < %(max_bytes)s
for update of pending_corrections

-- name: delete
-- Removes corrections that are published. If a crash takes this back, they are published a second time, which does no
-- harm: readers skip a number that is not higher than the one before.
delete from pending_corrections as pending
using unnest(%(numbers)s::bigint[], %(parts)s::integer[]) as published (number, part)
where pending.cluster_id = %(cluster_id)s and pending.topic = %(topic)s
    and pending.number = published.number and pending.part = published.part

-- name: oldest
-- The smallest number, which is near the microseconds since 1970 at which it was made.
select min(number) from pending_corrections where cluster_id = %(cluster_id)s and topic = %(topic)s
