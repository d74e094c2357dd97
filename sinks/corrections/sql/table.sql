-- name: counted_copies
-- Copies that the stream app counted although they have no row. Usually there are none.
select event_id, part from counted_copies where event_id between %(low)s and %(high)s

-- name: add_copies
-- Notes copies that the stream app counted although they have no row.
insert into counted_copies (event_id, part)
select * from unnest(%(ids)s::uuid[], %(parts)s::integer[])
on conflict do nothing

-- name: reserve_numbers
-- Takes numbers for corrections. The row stays locked until the commit, so numbers are committed in their order, also
-- if a replay of dead letters takes some. They begin with the clock: those of a database that was restored, or begun again,
-- are higher than those that the stream app has applied.
with wanted as (
    select * from unnest(%(parts)s::integer[], %(counts)s::integer[]) as wanted (part, count)
), locked as materialized (
    select part
    from sink_offsets
    where sink = %(sink)s and cluster_id = %(cluster_id)s and topic = %(topic)s
        and part in (select part from wanted)
    order by part
    for update
)
update sink_offsets as stored
set last_correction = greatest(
    stored.last_correction, (extract(epoch from clock_timestamp()) * 1000000)::bigint
) + wanted.count
from wanted
join locked using (part)
where stored.sink = %(sink)s and stored.cluster_id = %(cluster_id)s and stored.topic = %(topic)s
    and stored.part = wanted.part
returning stored.part, stored.last_correction - wanted.count + 1

-- name: copy
copy pending_corrections (
    cluster_id, topic, number, part, topic_id, record_offset, event_id, is_row, reason, again, appended_at, record_key,
    record_value
) from stdin (format binary)
