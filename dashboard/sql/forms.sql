-- Forms: submissions, successful ones, and submissions of the previous period.
select
    (event_data ->> 'form') collate "C",
    count(*) filter (where is_current),
    count(*) filter (where is_current and event_data -> 'success' = 'true'),
    count(*) filter (where is_previous)
from selected
where is_counted and event_type = 'form_submit'
    and position(lower(%(search)s) in lower(event_data ->> 'form')) > 0
group by 1
having count(*) filter (where is_current) > 0
order by 2 desc, 1
limit %(max_rows)s
