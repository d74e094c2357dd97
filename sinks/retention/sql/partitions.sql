-- name: attached
-- Names of the partitions of raw_events, except those that are being detached.
select inhrelid::regclass::text
from pg_inherits
where inhparent = 'raw_events'::regclass and not inhdetachpending

-- name: missing
-- Which of these tables do not exist.
select name from unnest(%(names)s::text[]) as name where to_regclass(name) is null

-- name: is_attached
-- One row if the table is a partition, also if it is half detached; none if it is not, or does not exist.
select from pg_inherits where inhrelid = to_regclass(%(name)s)

-- name: half_detached
-- Partitions whose `detach … concurrently` was interrupted: parent and name.
select inhparent::regclass::text, inhrelid::regclass::text
from pg_inherits
where inhdetachpending and inhparent in ('raw_events'::regclass, 'packed_events'::regclass)

-- name: lock_creation
-- One process at a time creates partitions, until the end of its transaction.
select pg_advisory_xact_lock(hashtext('footfall partitions'))
