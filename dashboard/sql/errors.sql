-- Errors by page and fingerprint, which is made as the stream app makes it; first and last in ms since 1970. The
-- placeholder is the expression that column files have, too.
select
    ({error}) collate "C" as error,
    coalesce(page, '') collate "C" as page,
    count(*) filter (where is_current) as events,
    (extract(epoch from min(occurred_at) filter (where is_current)) * 1000)::bigint,
    (extract(epoch from max(occurred_at) filter (where is_current)) * 1000)::bigint,
    count(*) filter (where is_previous)
from selected
where event_type = 'error_encountered'
group by 1, 2
having count(*) filter (where is_current) > 0
order by events desc, error, page
limit %(max_rows)s
