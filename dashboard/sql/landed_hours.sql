-- How many rows landed in each hour, in ms since 1970, by the time inside their ids. From a view, for readers may
-- select from views alone.
select (extract(epoch from hour) * 1000)::bigint, sum(events)::bigint
from events_hourly
where hour >= %(since)s and hour < %(until)s
group by hour
order by hour
