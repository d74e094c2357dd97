-- Errors by page and fingerprint; first and last in ms since 1970.
select
    error,
    coalesce(page, '') as place,
    count(*) filter (where is_current) as events,
    min(occurred) filter (where is_current),
    max(occurred) filter (where is_current),
    count(*) filter (where is_previous)
from selected
where event_type = 'error_encountered'
group by 1, 2
having count(*) filter (where is_current) > 0
order by events desc, error, place
limit {max_rows}
