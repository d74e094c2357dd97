-- Of summaries and of the rows that they do not have: the same lines.
select number, name, coalesce(sum(events), 0) as events, coalesce(sum(previous), 0) as previous
from (
    select
        number, name,
        sum(events) filter (where is_current) as events, sum(events) filter (where is_previous) as previous
    from ({names}) as names
    where number in ({numbers}) and (is_counted or number = {programs})
    group by number, name
    union all
    select number, name, events, previous from ({of_rows}) as of_rows
) as lines
group by number, name
