-- How many rows have ids of a time within a day.
select count(*)
from stored_events
where day = (%(since)s at time zone 'UTC')::date and event_id >= id_from(%(since)s) and event_id < id_from(%(until)s)
