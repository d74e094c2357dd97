-- The most frequent names of every ranking with what it counts in all, and events by type and quantum (`step`), the
-- longest time of which every step is a multiple. One pass over the rows; `number` says by which columns a line counts.
select number, step, name, events, previous, ranking_events
from (
    select
        *,
        row_number() over (partition by number order by events desc, name) as place,
        sum(events) over (partition by number)::bigint as ranking_events
    from (
        select
            grouping(step, {columns}) as number, step, coalesce({columns}) as name,
            count(*) filter (where is_current) as events, count(*) filter (where is_previous) as previous
        from (
            select {counted}, is_current, is_previous, case when is_counted then ms // {quantum} end as step
            from selected
        ) as selected
        group by grouping sets ({sets}(step, event_type))
    ) as counted
    where step is not null or (name is not null and events > 0 and contains(lower(name), $search))
) as placed
where place <= {max_rows} or step is not null
order by number, place
