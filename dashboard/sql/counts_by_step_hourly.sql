-- The same from the hourly roll-up: only for steps that start on the hour, and without filters on anything but the type.
select width_bucket(hour, %(starts)s::timestamptz[]) - 1, event_type, sum(events)::bigint
from events_hourly
where hour >= %(first)s and hour < %(end)s and (%(type)s::text is null or event_type = %(type)s)
group by 1, 2
