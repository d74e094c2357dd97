-- name: add_landed
insert into visit_queue (events, event_ids) values (%(events)s, %(ids)s)

-- name: removed
-- Not a statement of its own: adds rows `removed`, as far as they may be in visits.
    insert into visit_queue (events, removed_ids, removed_from)
    select count(*), array_agg(event_id), array_agg(distinct coalesce(visitor_key, user_key, session_key))
    from removed
    where coalesce(visitor_key, user_key, session_key) is not null
    having count(*) > 0

-- name: wait_longer
set local lock_timeout = '60s'

-- name: lock
-- As the steps: none of them is going on, or begins.
select pg_advisory_xact_lock(hashtextextended(current_schema::text || 'footfall visits', 0))

-- name: set_gap
update visit_progress set gap = %(gap)s where gap is distinct from %(gap)s

-- name: forget_keys
-- The links of an erased user or visitor, also those of which no event is left. What is left of their browsers tells
-- which links are still facts.
with forgotten as (
    delete from identities
    where user_key = any(%(users)s::bytea[]) or visitor_key = any(%(visitors)s::bytea[])
    returning visitor_key
), noted as (
    insert into visit_tombstones
    select distinct 'identities', encode(visitor_key, 'hex') from forgotten
    on conflict do nothing
)
insert into visit_queue (events, removed_from)
select count(*), array_agg(distinct visitor_key) from forgotten having count(*) > 0

-- name: forget_visits
with forgotten as (delete from stored_visits returning visit_id, is_published)
insert into visit_tombstones
select 'visits', 'evt_' || replace(visit_id::text, '-', '') from forgotten where is_published
on conflict do nothing

-- name: forget_parts
delete from visit_parts

-- name: forget_floods
delete from visit_floods

-- name: forget_recounts
delete from visit_recounts

-- name: forget_ranges
delete from visit_queue where first_id is not null

-- name: add_all_rows
-- All rows, an hour at a time, newest first. How many they are is not known: one entry is a step.
insert into visit_queue (events, first_id, end_id)
select 50000, id_from(hour), id_from(hour + interval '1 hour')
from (
    select day_of_partition(inhrelid) as day from pg_inherits where inhparent = 'raw_events'::regclass
) as partition
cross join generate_series(
    day::timestamp at time zone 'UTC', (day::timestamp + interval '23 hours') at time zone 'UTC', interval '1 hour'
) as hour
where day <= current_date + 1
order by hour desc

-- name: behind
-- Without what is read again: that has been in visits before, or is old.
select coalesce(greatest(extract(epoch from clock_timestamp() - min(added_at)), 0), 0)
from visit_queue where first_id is null

-- name: set_oldest
update visit_progress set oldest = greatest(oldest, %(moment)s)

-- name: drop_visits
-- A visit that goes on after that moment is made again from what is left of it.
with dropped as (
    delete from stored_visits where ended_at < %(moment)s returning visit_id, is_published
)
insert into visit_tombstones
select 'visits', 'evt_' || replace(visit_id::text, '-', '') from dropped where is_published
on conflict do nothing

-- name: drop_parts
delete from visit_parts where ended_at < %(moment)s

-- name: drop_links
-- A link lives as long as something of its browser.
with dropped as (
    delete from identities as link
    where not exists (select from visit_parts where browser = link.visitor_key)
        and first_at < %(moment)s
    returning visitor_key
)
insert into visit_tombstones
select distinct 'identities', encode(visitor_key, 'hex') from dropped
on conflict do nothing

-- name: drop_floods
delete from visit_floods where day < (%(moment)s::timestamptz at time zone 'UTC')::date

-- name: touch_cut
insert into visit_queue (events, removed_from)
select count(*), array_agg(browser)
from (
    select browser from visit_parts where started_at < %(moment)s
    union
    -- A visit on two browsers may have lost all of one.
    select browser
    from stored_visits as visit
    join visit_parts as part on part.person = visit.person and part.started_at between chain_started_at and chain_ended_at
    where chain_started_at < %(moment)s
) as cut
having count(*) > 0
