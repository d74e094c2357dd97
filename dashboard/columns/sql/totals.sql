-- People, page views and events of both periods, and events of programs that are left out; see dashboard/sql/totals.sql.
select
    count(distinct person) filter (where is_current and is_person),
    count(distinct person) filter (where is_previous and is_person),
    count(*) filter (where is_current and is_counted and event_type = 'page_view'),
    count(*) filter (where is_previous and is_counted and event_type = 'page_view'),
    count(*) filter (where is_current and is_counted), count(*) filter (where is_previous and is_counted),
    count(*) filter (where is_current and not is_counted)
from selected
