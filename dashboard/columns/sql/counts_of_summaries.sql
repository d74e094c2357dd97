-- Of summaries and of the rows that they do not have: the same lines.
select
    number, step, name,
    coalesce(sum(events) filter (where is_current), 0) as events,
    coalesce(sum(events) filter (where is_previous), 0) as previous
from (
    select number, null::bigint as step, name, events, is_current, is_previous
    from ({names}) as names
    where number in ({numbers}) and (is_counted or number = {programs})
    union all
    select -1, {step}, event_type, events, is_current, is_previous from ({steps}) as steps where is_counted
    union all
    select number, step, name, unnest([events, previous]), unnest([true, false]), unnest([false, true])
    from ({of_rows}) as of_rows
) as lines
group by number, step, name
