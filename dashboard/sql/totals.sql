-- Events, users and sessions of both periods.
select
    count(*) filter (where is_current), count(*) filter (where is_previous),
    count(distinct user_key) filter (where is_current), count(distinct user_key) filter (where is_previous),
    count(distinct session_key) filter (where is_current), count(distinct session_key) filter (where is_previous)
from selected
