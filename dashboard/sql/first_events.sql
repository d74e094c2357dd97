-- The first event of each of these types within an hour.
select distinct on (event_type) event_type, event_id, received_at, page, event_data
from events_between(%(hour)s, %(hour)s + interval '1 hour')
where event_type = any (%(names)s)
order by event_type, event_uuid
