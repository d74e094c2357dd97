-- How many rows have ids of each step of a time within a day: steps are numbered from one. A step begins with a bound.
select width_bucket(event_id, %(bounds)s::uuid[]), count(*)
from stored_events
where day = (%(since)s at time zone 'UTC')::date and event_id >= id_from(%(since)s) and event_id < id_from(%(until)s)
group by 1
