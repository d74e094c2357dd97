-- name: load
-- What is known of each day: its row in `days`, the rows that should be there, and whether its partition is attached.
-- Expected rows are those that landed, by the roll-up, less those that were erased and those that were dropped.
-- One day if `day` is given, else every day that has a partition or was not dropped completely. `start` and `end`
-- bound the roll-up to that day.
with landed as (
    select (hour at time zone 'UTC')::date as day, sum(events)::bigint as rows
    from events_hourly
    where %(day)s::date is null or hour >= %(start)s and hour < %(end)s
    group by 1
), erased as (
    select day, sum(rows)::bigint as rows from erased_rows group by 1
), attached as (
    -- Only tables that are ours: somebody may have attached a day under another name, or a default partition.
    select day
    from (
        select day_of_partition(inhrelid) as day, relname
        from pg_inherits
        join pg_class on pg_class.oid = inhrelid
        where inhparent = 'raw_events'::regclass and not inhdetachpending
    ) as partition
    where relname = 'raw_events_' || to_char(day, 'YYYYMMDD')
)
select
    day,
    coalesce(days.state, 'open'),
    coalesce(days.rows, 0),
    coalesce(days.packed, 0),
    coalesce(landed.rows, 0) - coalesce(erased.rows, 0) - coalesce(days.dropped, 0),
    days.audited_on,
    attached.day is not null
from attached
full join days using (day)
left join landed using (day)
left join erased using (day)
where coalesce(%(day)s, day) = day and (attached.day is not null or days.state <> 'dropped')
order by day

-- name: set_state
-- Moves a day to a state. A day without a row in `days` is open.
insert into days (day, state, rows)
values (%(day)s, %(state)s, 0)
on conflict (day) do update set state = excluded.state, changed_at = now()

-- name: set_audit_result
-- Stores what an audit found: the state that follows from it, the rows that were there, and when.
insert into days (day, state, rows, audited_on)
values (%(day)s, %(state)s, %(rows)s, %(today)s)
on conflict (day) do update set
    state = excluded.state,
    rows = excluded.rows,
    audited_on = excluded.audited_on,
    changed_at = now()

-- name: add_dropped
-- Counts rows as dropped. A day can be dropped more than once, if a very late event created its partition again.
update days
set state = 'dropped', dropped = dropped + %(rows)s, rows = dropped + %(rows)s, packed = 0, changed_at = now()
where day = %(day)s

-- name: add_packed
-- Changes the count of packed rows by so many; negative where rows were taken out of packed ones.
insert into days (day, state, rows, packed)
values (%(day)s, 'closed', 0, %(rows)s)
on conflict (day) do update set packed = days.packed + excluded.packed, changed_at = now()

-- name: drop_copies
-- Counts rows as dropped of which there was another one already.
update days set dropped = dropped + %(rows)s, changed_at = now() where day = %(day)s
