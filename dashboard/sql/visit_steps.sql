-- Of both periods, and of each of their steps (null: the whole period): people, visits, views, visits with a view,
-- bounces, the median duration in seconds, conversions. A visit belongs to the step in which it began.
select
    is_current, step, count(distinct person), count(*), coalesce(sum(views), 0)::bigint, count(*) filter (where views > 0),
    count(*) filter (where bounced),
    coalesce(extract(epoch from percentile_cont(0.5) within group (order by duration)), 0)::float8,
    count(*) filter (where is_converted)
from (
    select
        *,
        width_bucket(
            started_at,
            case when is_current then %(starts)s::timestamptz[] else %(previous_starts)s::timestamptz[] end
        ) - 1 as step
    from selected
    where is_current or is_previous
) as stepped
group by grouping sets ((is_current), (is_current, step))
