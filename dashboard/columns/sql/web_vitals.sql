-- Web vitals: p75, samples, how many were good and how many poor, and p75 of the previous period.
select
    metric,
    quantile_disc(value, 0.75) filter (where is_current),
    count(*) filter (where is_current),
    count(*) filter (where is_current and value <= good),
    count(*) filter (where is_current and value > poor),
    quantile_disc(value, 0.75) filter (where is_previous)
from selected
join (values {metrics}) as known (metric, good, poor) using (metric)
where is_counted and event_type = 'web_vital' and value >= 0
group by metric
having count(*) filter (where is_current) > 0
