-- Of rows: events by name of every ranking, and by type and `step`. One pass; `number` says which ranking a line is of, -1
-- for steps.
select
    {number} as number, step, coalesce({columns}) as name,
    count(*) filter (where is_current) as events, count(*) filter (where is_previous) as previous
from (
    select {counted}, is_current, is_previous, case when is_counted then {step} end as step from selected
) as selected
group by grouping sets ({sets}(step, event_type))
