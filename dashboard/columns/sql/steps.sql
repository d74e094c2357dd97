-- Events by type and step of both periods, counted and left out.
select
    {step} as step, event_type, is_counted,
    coalesce({events} filter (where is_current), 0), coalesce({events} filter (where is_previous), 0)
from selected
group by 1, 2, 3
