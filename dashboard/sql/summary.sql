-- Events, users and sessions of both periods.
select
    count(*) filter (where is_now), count(*) filter (where is_before),
    count(distinct user_key) filter (where is_now), count(distinct user_key) filter (where is_before),
    count(distinct session_key) filter (where is_now), count(distinct session_key) filter (where is_before)
from chosen
