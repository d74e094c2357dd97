-- name: visits
from stored_visits as visit
left join devices as device on device.id = (visit.context).device

-- name: progress
from visit_progress as progress
cross join (
    select
        min(added_at) filter (where first_id is null) as oldest,
        count(*) filter (where first_id is not null) as rereading,
        coalesce(sum(events) filter (where first_id is null), 0)::bigint as pending,
        -- As text: only Postgres 18 has a maximum of ids.
        max(end_id::text) as rereading_until
    from visit_queue
) as queue
