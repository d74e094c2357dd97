-- People of both periods, and of each of their steps.
select is_current, step, count(*)
from (
    select distinct is_current, step, person
    from selected asof join (values {starts}) as steps (period, step, start)
        on selected.is_current = steps.period and selected.ms >= steps.start
    where person is not null
) as visited
group by is_current, step
union all
select is_current, null, count(*)
from (select distinct is_current, person from selected where person is not null) as visited
group by is_current
