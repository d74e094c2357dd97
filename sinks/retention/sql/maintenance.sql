-- name: expire_copies
-- Forgets which copies were counted without a row, once Kafka has no record of the id any more.
delete from counted_copies where event_id < id_from(%(before)s::timestamp at time zone 'UTC')

-- name: expire_changes
-- Whoever copied an hour before that, and has not followed it since, copies it again. Visits that go on change all the time:
-- of these only who asks often knows the version before.
with rows as (delete from rows_after_hour where landed_at < %(before)s::timestamp at time zone 'UTC')
delete from visit_changes
where changed_at < %(before)s::timestamp at time zone 'UTC'
    or (changed_at < now() - interval '1 hour' and hour > changed_at - interval '4 hours')

-- name: expire_dead_letters
-- Deletes dead letters at the end of retention, and notes how often they had been read, for the audit.
with removed as (
    delete from dead_letters where appended_at < %(before)s::timestamp at time zone 'UTC' returning reads
), noted as (
    update maintained
    set dead_letters_expired = dead_letters_expired + (select coalesce(sum(reads), 0) from removed)
    where exists (select from removed)
)
select count(*) from removed
