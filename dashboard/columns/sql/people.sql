-- People of both periods.
select
    count(distinct person) filter (where is_current and is_person),
    count(distinct person) filter (where is_previous and is_person)
from selected
