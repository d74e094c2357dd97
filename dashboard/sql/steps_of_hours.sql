-- The same from the roll-up: for steps that begin on the hour, and where no filter asks for more than the type.
select width_bucket(hour, %(starts)s::timestamptz[]) - 1, event_type, sum(events)::bigint
from events_hourly
where hour >= %(first)s and hour < %(end)s and (%(type)s::text is null or event_type = %(type)s)
group by 1, 2
