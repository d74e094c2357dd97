-- Web vitals: p75, samples, how many were good and how many poor, and p75 of the previous period. A p75 is the smallest value
-- that three quarters of the samples do not exceed.
select
    metric,
    min(value) filter (where events > 0 and 4 * up_to >= 3 * all_events),
    sum(events),
    coalesce(sum(events) filter (where value <= good), 0),
    coalesce(sum(events) filter (where value > poor), 0),
    min(value) filter (where previous > 0 and 4 * previous_up_to >= 3 * all_previous)
from (
    select
        *,
        sum(events) over to_value as up_to, sum(previous) over to_value as previous_up_to,
        sum(events) over (partition by metric) as all_events, sum(previous) over (partition by metric) as all_previous
    from (
        select
            metric, value,
            coalesce({events} filter (where is_current), 0) as events,
            coalesce({events} filter (where is_previous), 0) as previous
        from selected
        where is_counted and metric is not null and value >= 0
        group by 1, 2
    ) as counted
    window to_value as (partition by metric order by value)
) as summed
join (values {metrics}) as known (metric, good, poor) using (metric)
where all_events > 0
group by metric
