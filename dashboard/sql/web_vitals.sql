-- Web vitals: p75, samples, how many were good and how many poor, and p75 of the previous period.
select
    metric,
    percentile_disc(0.75) within group (order by value) filter (where is_current),
    count(*) filter (where is_current),
    count(*) filter (where is_current and value <= good),
    count(*) filter (where is_current and value > poor),
    percentile_disc(0.75) within group (order by value) filter (where is_previous)
from (
    select event_data ->> 'metric' as metric, (event_data ->> 'value')::float8 as value, is_current, is_previous
    from selected
    where is_counted and event_type = 'web_vital' and jsonb_typeof(event_data -> 'value') = 'number'
) as measured
join unnest(%(metrics)s::text[], %(good)s::float8[], %(poor)s::float8[]) as known (metric, good, poor) using (metric)
where value >= 0
group by metric
having count(*) filter (where is_current) > 0
