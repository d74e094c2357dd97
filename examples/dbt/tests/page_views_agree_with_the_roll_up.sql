-- Rows of this model are never more than footfall counted; bots are not in it.
select ours.day, ours.views, counted.events
from (select day, sum(views) as views from {{ ref("routes_daily") }} group by 1) as ours
left join {{ source("footfall", "events_daily") }} as counted
    on counted.day = ours.day and counted.event_type = 'page_view'
where ours.views > coalesce(counted.events, 0)
