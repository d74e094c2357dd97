-- Events, users and sessions of both periods. Visitors without a session count as one each; programs count as neither.
select
    count(*) filter (where is_current), count(*) filter (where is_previous),
    count(distinct user_key) filter (where is_current and bot is null), count(distinct user_key) filter (where is_previous and bot is null),
    count(distinct coalesce(session_key, visitor_key)) filter (where is_current and bot is null),
    count(distinct coalesce(session_key, visitor_key)) filter (where is_previous and bot is null)
from selected
