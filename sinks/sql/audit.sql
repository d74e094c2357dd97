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
    coalesce(sum(landed.erased), 0)::bigint
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
    sum(erased)::bigint
from landed
where day between %(since)s and %(until)s and part = coalesce(%(partition)s, part)
group by sink, topic, part
having min(first_offset) is not null
order by topic, part

-- name: gaps
-- Days of landing on which more or fewer offsets were read than the ledger explains.
select topic, part, day, first_offset, next_offset, read - rows - duplicates - dead_letters - erased
from landed
where read <> rows + duplicates + dead_letters + erased
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
    where event_id >= %(low)s and event_id < %(high)s
    group by 1
), packed as (
    select day, sum(rows)::bigint as rows
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
