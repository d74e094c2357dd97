-- The 75th percentile of a web vital in each step of the period (true) and of the previous one (false).
select is_current, number, quantile_disc(value, 0.75)
from selected asof join (values {starts}) as steps (period, number, start)
    on selected.is_current = steps.period and selected.ms >= steps.start
where is_counted and event_type = 'web_vital' and metric = $metric and value >= 0
group by is_current, number
