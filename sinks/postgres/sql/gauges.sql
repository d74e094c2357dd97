-- name: days_by_state
select state, count(*) from days group by 1

-- name: totals
-- Dead letters, erasures that are going on, the end of the last round of maintenance (0 before the first), and the size.
select
    (select count(*) from dead_letters),
    (select count(*) from erasures where finished_at is null),
    (select coalesce(extract(epoch from finished_at), 0) from maintained),
    pg_database_size(current_database())

-- name: visits
-- Events that are in no visit yet, hours that differed, and what is not published: visits that are over, and links.
select
    (select coalesce(sum(events), 0) from visit_queue where first_id is null),
    (select count(*) from visit_recounts where misplaced + without_row + of_others + links + persons > 0),
    (
        select count(*) from (
            select from stored_visits cross join visit_progress
            where not is_published and started_at < now() - gap and ended_at < now() - gap
            limit 10000
        ) as visit
    ) + (select count(*) from visit_tombstones where topic = 'visits'),
    (select count(*) from (select from identities where not is_published limit 10000) as link)
        + (select count(*) from visit_tombstones where topic = 'identities')
