-- Web vitals: the value that three quarters do not exceed, samples, and how many were good and poor.
select
    metric,
    percentile_disc(0.75) within group (order by value) filter (where is_now),
    count(*) filter (where is_now),
    count(*) filter (where is_now and value <= good),
    count(*) filter (where is_now and value > poor),
    percentile_disc(0.75) within group (order by value) filter (where is_before)
from (
    select event_data ->> 'metric' as metric, (event_data ->> 'value')::float8 as value, is_now, is_before
    from chosen
    where event_type = 'web_vital' and jsonb_typeof(event_data -> 'value') = 'number'
) as measured
join unnest(%(metrics)s::text[], %(good)s::float8[], %(poor)s::float8[]) as known (metric, good, poor) using (metric)
where value >= 0
group by metric
having count(*) filter (where is_now) > 0
