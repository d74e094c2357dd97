-- Events by step and type, from the rows; each step starts at the first id of its time.
-- The placeholder becomes the condition of the filters, out of filters.py.
select width_bucket(event_uuid, (select array_agg(id_from(start) order by start) from unnest(%(starts)s::timestamptz[]) as start)) - 1,
    event_type, count(*)
from events_between(%(first)s, %(end)s)
where (bot is null or %(programs)s) and {filters}
group by 1, 2
