-- Forms: submissions, successful ones, and submissions of the previous period.
select
    form,
    count(*) filter (where is_current),
    count(*) filter (where is_current and succeeded),
    count(*) filter (where is_previous)
from selected
where is_counted and event_type = 'form_submit' and contains(lower(form), $search)
group by 1
having count(*) filter (where is_current) > 0
order by 2 desc, 1
limit {max_rows}
