-- Event types that are not in the catalogue, by count; with the roll-ups, so it reads no events.
select event_type, sum(events)::bigint as events, min(hour) as first_hour, max(hour) as last_hour
from events_hourly
where hour >= %(since)s and event_type <> all (%(known)s)
group by event_type
order by events desc, event_type
limit %(max_rows)s
