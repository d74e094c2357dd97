-- Events, users and sessions of both periods. Visitors without a session count as one each.
select
    count(*) filter (where is_current), count(*) filter (where is_previous),
    count(distinct user_key) filter (where is_current), count(distinct user_key) filter (where is_previous),
    count(distinct coalesce(session_key, visitor_key)) filter (where is_current),
    count(distinct coalesce(session_key, visitor_key)) filter (where is_previous)
from selected
