-- Events, users and sessions of both periods; see dashboard/sql/totals.sql.
select
    count(*) filter (where is_current), count(*) filter (where is_previous),
    count(distinct user_key) filter (where is_current and is_person),
    count(distinct user_key) filter (where is_previous and is_person),
    count(distinct visit_key) filter (where is_current and is_person),
    count(distinct visit_key) filter (where is_previous and is_person)
from selected
