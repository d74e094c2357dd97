-- name: all_partitions
-- For each partition, all that was read and what became of it. The ledger has a line per partition and day of landing.
select
    offsets.topic,
    offsets.part,
    offsets.first_offset,
    offsets.next_offset,
    offsets.earlier_reads,
    coalesce(sum(landed.rows), 0)::bigint,
    coalesce(sum(landed.duplicates), 0)::bigint,
    coalesce(sum(landed.dead_letters), 0)::bigint,
    coalesce(sum(landed.erased), 0)::bigint,
    coalesce(sum(landed.empty), 0)::bigint
from sink_offsets as offsets
left join landed using (sink, topic, part)
where offsets.part = coalesce(%(partition)s, offsets.part)
group by offsets.sink, offsets.cluster_id, offsets.topic, offsets.part
order by offsets.topic, offsets.part

-- name: partitions_by_day
-- The same for a range of days of landing. Offsets that were read more than once in these days make `read` larger than
-- the range of offsets. Partitions of which only dead letters were replayed have no offsets to audit.
select
    topic,
    part,
    min(first_offset),
    max(next_offset),
    (sum(read) - max(next_offset) + min(first_offset))::bigint as earlier_reads,
    sum(rows)::bigint,
    sum(duplicates)::bigint,
    sum(dead_letters)::bigint,
    sum(erased)::bigint,
    sum(empty)::bigint
from landed
where day between %(since)s and %(until)s and part = coalesce(%(partition)s, part)
group by sink, topic, part
having min(first_offset) is not null
order by topic, part

-- name: gaps
-- Days of landing on which more or fewer offsets were read than the ledger explains.
select topic, part, day, first_offset, next_offset, read - rows - duplicates - dead_letters - erased - empty
from landed
where read <> rows + duplicates + dead_letters + erased + empty
    and first_offset is not null
    and day between %(since)s and %(until)s
    and part = coalesce(%(partition)s, part)
order by topic, part, day

-- name: days
-- For each day, by the time inside the ids: rows that landed according to the roll-up, rows that are stored (hot and
-- packed), and rows that were erased or dropped.
with landed as (
    select (hour at time zone 'UTC')::date as day, sum(events)::bigint as rows from events_hourly group by 1
), hot as (
    select day_of(event_id) as day, count(*) as rows
    from raw_events
    where day_of(event_id) between %(since)s and %(until)s
    group by 1
), packed as (
    -- Counted, not taken from the column `rows`: that only says what should be there.
    select day, sum(cardinality(event_ids))::bigint as rows
    from packed_events
    where day between %(since)s and %(until)s
    group by 1
), erased as (
    select day, sum(rows)::bigint as rows from erased_rows group by 1
)
select
    day,
    coalesce(days.state, 'open'),
    coalesce(landed.rows, 0),
    coalesce(hot.rows, 0) + coalesce(packed.rows, 0),
    coalesce(packed.rows, 0),
    coalesce(erased.rows, 0),
    coalesce(days.dropped, 0)
from landed
full join hot using (day)
full join packed using (day)
left join erased using (day)
left join days using (day)
where day between %(since)s and %(until)s
order by day

-- name: types
-- Days and types of which more or fewer rows are stored than landed and were not erased. Only whole days: of what was
-- dropped the types are not known.
with stored as (
    select day_of(event_id) as day, event_type, count(*) as rows
    from raw_events
    where day_of(event_id) between %(since)s and %(until)s
    group by 1, 2
    union all
    select day, event_type, count(*)
    from packed_events as packed
    cross join lateral unnest(packed.event_types) as event_type
    where day between %(since)s and %(until)s
    group by 1, 2
), landed as (
    select (hour at time zone 'UTC')::date as day, event_type, sum(events) as rows
    from (select hour, event_type, events from hourly_counts union all select hour, event_type, events from hourly_deltas)
        as counted
    group by 1, 2
    union all
    select day, event_type, -sum(rows) from erased_rows group by 1, 2
), both_sides as (
    select day, event_type, sum(rows) as expected, 0 as found from landed group by 1, 2
    union all
    select day, event_type, 0, sum(rows) from stored group by 1, 2
)
select day, coalesce(types.name, 'number ' || event_type), sum(expected)::bigint, sum(found)::bigint
from both_sides
left join event_types as types on types.id = event_type
left join days using (day)
where day between %(since)s and %(until)s
    and coalesce(days.dropped, 0) = 0
    and coalesce(days.state, 'open') not in ('detaching', 'detached')
group by 1, 2
having sum(expected) <> sum(found)
order by 1, 2

-- name: contents
-- Days whose stored rows do not add up to the sums that landing wrote: whether the ids differ, and the contents.
with stored as (
    select day_of(event_id) as day, {sums}
    from raw_events as event
    where day_of(event_id) between %(since)s and %(until)s
    group by 1
    union all
    select packed_day, {sums}
    from (
        select packed.day as packed_day, event.*
        from packed_events as packed
        cross join lateral unpack(packed) as event
        where packed.day between %(since)s and %(until)s
    ) as event
    group by 1
), both_sides (day, ids, contents) as (
    select day, ids, contents from landed_sums
    union all
    select day, -ids, -contents from stored as stored (day, ids, contents)
)
select day, sum(ids) <> 0, sum(contents) <> 0
from both_sides
left join days using (day)
where day between %(since)s and %(until)s
    and coalesce(days.dropped, 0) = 0
    and coalesce(days.state, 'open') not in ('detaching', 'detached')
group by day
having sum(ids) <> 0 or sum(contents) <> 0
order by day

-- name: blocks
-- Days with blocks that do not hold what was packed into them, and how many such blocks.
select day, count(*)
from packed_events as packed
where day between %(since)s and %(until)s
    and (
        rows <> cardinality(event_ids)
        or contents is distinct from (select sum({content}) from unpack(packed) as event)
    )
group by day
order by day

-- name: dead_letters
-- How many dead letters the ledger counts, and how many are stored, were erased or expired; by the times they were read.
select
    (select coalesce(sum(dead_letters), 0)::bigint from landed),
    (select coalesce(sum(reads), 0)::bigint from dead_letters)
    + (select coalesce(sum(dead_letters_removed), 0)::bigint from erasures)
    + (select coalesce(sum(dead_letters_expired), 0)::bigint from maintained)

-- name: duplicates
-- Of the sampled duplicates: how many there are, and of how many no copy is stored.
select count(*), count(*) filter (
    where not exists (
        select from raw_events
        where day_of(raw_events.event_id) = day_of(sample.event_id) and raw_events.event_id = sample.event_id
    )
        and not exists (
            select from packed_events as packed
            where packed.day = day_of(sample.event_id) and packed.event_ids @> array[sample.event_id]
        )
)
from duplicate_samples as sample
left join days on days.day = day_of(sample.event_id)
where sample.event_id >= %(low)s and sample.event_id < %(high)s
    and coalesce(days.state, 'open') not in ('detaching', 'detached', 'dropped')

-- name: count_detached
-- Rows of a table that is not a partition any more. Those who read its parent do not see a half-detached one either.
select {number}
from {table}
where not exists (select from pg_inherits where inhrelid = {name}::regclass and not inhdetachpending)

-- name: detached
-- Days that are being dropped, with the names of their tables, as far as these exist.
select day, array_remove(array[
    to_regclass('raw_events_' || to_char(day, 'YYYYMMDD'))::text,
    to_regclass('packed_events_' || to_char(day, 'YYYYMMDD'))::text
], null)
from days
where state in ('detaching', 'detached') and day between %(since)s and %(until)s
