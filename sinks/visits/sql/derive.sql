-- name: lock
-- One step at a time.
select pg_advisory_xact_lock(hashtextextended(current_schema::text || 'footfall visits', 0))

-- name: try_lock
select pg_try_advisory_xact_lock(hashtextextended(current_schema::text || 'footfall visits', 0))

-- name: wait_longer
set local lock_timeout = '60s'

-- name: pending
-- Without what is read again, which may take hours.
select exists (select from visit_queue where first_id is null)

-- name: create_tables
-- What a step works with. They belong to the connection and are empty between steps, so that no step creates tables.
create temp table if not exists visit_landed (id uuid) on commit delete rows;
create temp table if not exists visit_taken (
    events integer, removed_ids uuid[], removed_from bytea[], first_id uuid, end_id uuid
) on commit delete rows;
create temp table if not exists visit_input (
    browser bytea, id uuid, at timestamptz, type smallint, page text, route text, user_key bytea,
    context visit_context, arrival visit_arrival
) on commit delete rows;

-- name: progress
-- The gap, from when on events are in visits, and the numbers of page_view, and of the types that are neither a view nor an
-- interaction.
select
    gap, oldest,
    coalesce((select id from event_types where name = 'page_view'), 0),
    array(select id from event_types where name in ('page_view', 'web_vital', 'error_encountered', 'scroll'))
from visit_progress

-- name: take
-- Takes the oldest entries: what landed before what is read again, of which one entry is enough.
with oldest as (
    select id, first_id, events from visit_queue order by first_id is not null, id limit 1000
), chosen as (
    select id
    from (select id, sum(events) over (order by first_id is not null, id) - events as before from oldest) as summed
    where before < %(max_events)s
), taken as (
    delete from visit_queue using chosen where visit_queue.id = chosen.id
    returning event_ids, removed_ids, removed_from, first_id, end_id
), landed as (
    insert into visit_landed select unnest(event_ids) from taken
)
insert into visit_taken select cardinality(event_ids), removed_ids, removed_from, first_id, end_id from taken

-- name: taken
-- Whether some of it was removed or must be read again.
select count(*), coalesce(sum(events), 0)::bigint,
    coalesce(bool_or(cardinality(removed_from) > 0), false), coalesce(bool_or(first_id is not null), false)
from visit_taken

-- name: landed_days
-- The days that they may be of.
select day
from (select day_of_partition(inhrelid) as day from pg_inherits where inhparent = 'raw_events'::regclass) as partition
where day between
    (select day_of(id) from visit_landed order by id limit 1)
    and (select day_of(id) from visit_landed order by id desc limit 1)

-- name: read_landed
-- The rows of people of a day, by primary key. A row that is not there any more was removed; that is in the queue as well.
insert into visit_input
select {input}
from raw_events as event
where day_of(event_id) = %(day)s
    and event_id = any(array(
        select id from visit_landed
        where id >= id_from(%(day)s::date::timestamp at time zone 'UTC')
            and id < id_from((%(day)s::date + 1)::timestamp at time zone 'UTC')
    ))
    and {of_people}

-- name: read_again
-- The same, of all rows between two ids, hot or packed.
insert into visit_input
select {input}
from visit_taken
cross join lateral (
    select * from stored_events
    where event_id >= first_id and event_id < end_id and day = day_of(first_id)
) as event
where first_id is not null and {of_people}

-- name: input
-- Not a statement of its own: what visits need of a row.
    coalesce(visitor_key, user_key, session_key), event_id, occurred_at, event_type,
    case when event_type = %(view)s then coalesce(page, event_data ->> 'page') end,
    case when event_type = %(view)s then route end, user_key,
    row(coalesce(site, 'default'), hostname, country, region, language, screen, release, device)::visit_context,
    case when channel <> 'direct' then
        row(channel, source, utm_source, utm_medium, utm_campaign, utm_term, utm_content)::visit_arrival
    end

-- name: of_people
-- Not a statement of its own: programs are nobody, and so is who opted out.
    coalesce(visitor_key, user_key, session_key) is not null
    and device not in (select id from devices where bot <> '')

-- name: note
update visit_progress set too_old = too_old + %(too_old)s, flooded = flooded + %(flooded)s
