-- The same from the hourly roll-up: only for steps that start on the hour, with programs, and without filters.
select width_bucket(hour, %(starts)s::timestamptz[]) - 1, event_type, sum(events)::bigint
from events_hourly
where hour >= %(first)s and hour < %(end)s
group by 1, 2
