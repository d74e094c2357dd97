-- The same without people.
select
    coalesce(sum(events) filter (where is_current and is_counted and event_type = 'page_view'), 0),
    coalesce(sum(events) filter (where is_previous and is_counted and event_type = 'page_view'), 0),
    coalesce(sum(events) filter (where is_current and is_counted), 0),
    coalesce(sum(events) filter (where is_previous and is_counted), 0),
    coalesce(sum(events) filter (where is_current and not is_counted), 0)
from selected
