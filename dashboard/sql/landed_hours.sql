-- How many rows landed in each hour, in ms since 1970, by the time inside their ids; with what is not folded yet.
select (extract(epoch from hour) * 1000)::bigint, sum(events)::bigint
from (
    select hour, events from hourly_counts where hour >= %(since)s and hour < %(until)s
    union all
    select hour, events from hourly_deltas where hour >= %(since)s and hour < %(until)s
) as landed
group by 1
order by 1
