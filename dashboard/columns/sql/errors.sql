-- Errors by fingerprint: people, events, pages, first and last in ms since 1970.
select
    error,
    count(distinct person) filter (where is_current and is_person) as people,
    {events} filter (where is_current) as events,
    count(distinct page) filter (where is_current),
    min(occurred) filter (where is_current),
    max(last_occurred) filter (where is_current),
    count(distinct person) filter (where is_previous and is_person)
from selected
where is_counted and error is not null and contains(lower(error), $search)
group by 1
having {events} filter (where is_current) > 0
order by people desc, events desc, error
limit {max_rows}
