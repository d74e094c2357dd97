-- Of rows: events by name of every ranking, in one pass. `number` says which ranking a line is of.
select
    {number} as number, coalesce({columns}) as name,
    count(*) filter (where is_current) as events, count(*) filter (where is_previous) as previous
from (select {counted}, is_current, is_previous from selected) as selected
group by grouping sets ({sets})
