-- name: copy
-- The usual way: rows straight into raw_events. A single id that is there already fails the whole COPY, which is rare;
-- then the rows go through staged_events.
copy raw_events ({columns}) from stdin (format binary)

-- name: create_staged
-- A table of this connection, where rows with ids that exist already may be copied to.
create temp table if not exists staged_events (like raw_events) on commit delete rows

-- name: copy_staged
copy staged_events ({columns}) from stdin (format binary)

-- name: merge
-- Inserts the staged rows that are new, and returns their ids; all others are duplicates.
insert into raw_events ({columns})
select {columns} from staged_events
on conflict do nothing
returning event_id

-- name: compare
-- Of staged rows whose ids were there already: where the stream app counted the row, and whether it is the same event.
select stored.event_id, stored.counted_in, {same_sender}, {same_content}
from raw_events as stored
join staged_events as copied using (event_id)
where day_of(stored.event_id) = any(%(days)s::date[]) and stored.event_id = any(%(ids)s::uuid[])

-- name: empty_staged
-- A batch may be halved and merged several times in one transaction, so `on commit` is too late.
truncate staged_events
