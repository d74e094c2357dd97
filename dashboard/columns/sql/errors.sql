-- Errors by fingerprint: events, pages, first and last in ms since 1970. People are counted beside.
select
    error,
    {events} filter (where is_current),
    count(distinct page) filter (where is_current),
    min(occurred) filter (where is_current),
    max(last_occurred) filter (where is_current)
from selected
where is_counted and error is not null and ({all_names} or contains(lower(error), $search))
group by 1
having {events} filter (where is_current) > 0
order by 2 desc, 1
