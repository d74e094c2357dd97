-- Errors by fingerprint, which is made as the stream app makes it: people, events, pages, first and last.
select
    error,
    count(distinct person) filter (where is_current) as people,
    count(*) filter (where is_current) as events,
    count(distinct page) filter (where is_current),
    (extract(epoch from min(occurred_at) filter (where is_current)) * 1000)::bigint,
    (extract(epoch from max(occurred_at) filter (where is_current)) * 1000)::bigint,
    count(distinct person) filter (where is_previous)
from (select ({error}) collate "C" as error, * from selected where is_counted) as named
where error is not null and position(lower(%(search)s) in lower(error)) > 0
group by 1
having count(*) filter (where is_current) > 0
order by people desc, events desc, error
limit %(max_rows)s
