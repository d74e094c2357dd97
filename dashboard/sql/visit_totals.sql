-- Of both periods: people, visits, views, visits with a view, bounces, the median duration in seconds, conversions.
select
    is_current, count(distinct person), count(*), coalesce(sum(views), 0)::bigint, count(*) filter (where views > 0),
    count(*) filter (where bounced),
    coalesce(extract(epoch from percentile_cont(0.5) within group (order by duration)), 0)::float8,
    count(*) filter (where is_converted)
from selected
where is_current or is_previous
group by 1
