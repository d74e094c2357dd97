-- Forms: submissions, those that were taken, and submissions in the period before.
select
    event_data ->> 'form',
    count(*) filter (where is_now),
    count(*) filter (where is_now and event_data -> 'success' = 'true'),
    count(*) filter (where is_before)
from chosen
where event_type = 'form_submit'
group by 1
having count(*) filter (where is_now) > 0
order by 2 desc, 1
limit %(top)s
