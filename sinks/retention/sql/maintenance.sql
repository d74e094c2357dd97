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
