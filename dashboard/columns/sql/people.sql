-- People of both periods. Groups go to disk where memory is short, which `count(distinct)` does not.
select count(*) filter (where is_current), count(*) filter (where not is_current)
from (
    select distinct is_current, person
    from selected
    where is_person and person is not null and (is_current or is_previous)
) as people
