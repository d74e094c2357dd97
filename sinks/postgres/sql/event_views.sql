-- name: unpack
-- The events of a block. Inlined by the planner; a query that filters by `day` or `owners` opens only those blocks. The
-- arrays are unnested in the select list, where they advance together: in the from clause, each would first be copied.
-- Parsed when it is created, so that it means the same with any search path.
create or replace function unpack(block packed_events) returns setof raw_events
language sql immutable parallel safe rows 1000 begin atomic
    select {unpacked} from (select {elements}) as event;
end;
comment on function unpack is 'The events of a block, as rows of raw_events.'

-- name: stored_events
from (
    select day_of(event_id) as day, {columns} from raw_events
    union all
    select packed.day, {events} from packed_events as packed cross join lateral unpack(packed) as event
) as stored

-- name: events
from stored_events as stored
join event_types as types on types.id = stored.event_type
join devices on devices.id = stored.device

-- name: events_between
-- Parsed when it is created, so that it means the same with any search path; and again when the view has other columns.
create or replace function events_between(low timestamptz, high timestamptz) returns setof events
language sql stable parallel safe begin atomic
    select * from events -- {columns}
    where event_uuid >= id_from(low) and event_uuid < id_from(high)
        -- A period that ends at midnight needs nothing of the day that begins there.
        and day between (low at time zone 'UTC')::date
            and ((high at time zone 'UTC') - interval '1 microsecond')::date;
end;
comment on function events_between is 'The events between two times, by the time inside the id. Reads only the days it needs.'
