-- The 75th percentile of a web vital in each step of a period; each step starts at the first id of its time.
-- The placeholder becomes the condition of the filters, out of filters.py.
select
    width_bucket(event_uuid, (select array_agg(id_from(start) order by start) from unnest(%(starts)s::timestamptz[]) as start)) - 1,
    percentile_disc(0.75) within group (order by (event_data ->> 'value')::float8)
from events_between(%(first)s, %(end)s)
where (bot is null or %(programs)s) and event_type = 'web_vital' and event_data ->> 'metric' = %(metric)s
    and case when jsonb_typeof(event_data -> 'value') = 'number' then (event_data ->> 'value')::float8 >= 0 else false end
    and {filters}
group by 1
