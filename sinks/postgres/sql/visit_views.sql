-- name: visits
from stored_visits as visit
left join devices as device on device.id = (visit.context).device

-- name: progress
from visit_progress as progress
cross join (
    select
        min(added_at) filter (where first_id is null) as oldest,
        count(*) filter (where first_id is not null) as rereading
    from visit_queue
) as queue
