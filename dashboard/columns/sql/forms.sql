-- Forms: submissions, successful ones, and submissions of the previous period.
select
    form,
    {events} filter (where is_current) as submitted,
    coalesce({events} filter (where is_current and succeeded), 0),
    coalesce({events} filter (where is_previous), 0)
from selected
where is_counted and form is not null and ({all_names} or contains(lower(form), $search))
group by 1
having {events} filter (where is_current) > 0
order by 2 desc, 1
limit {max_rows}
