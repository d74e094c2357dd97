-- Of both periods, and of each of their steps (null: the whole period): visits, views, visits with a view, bounces, the median
-- duration in seconds, conversions.
select
    is_current, step, count(*), coalesce(sum(views), 0)::bigint, count(*) filter (where views > 0),
    count(*) filter (where bounced), coalesce(quantile_cont(duration, 0.5), 0) / 1e6, count(*) filter (where is_converted)
from selected asof join (values {starts}) as steps (period, step, start)
    on selected.is_current = steps.period and selected.ms >= steps.start
group by grouping sets ((is_current), (is_current, step))
