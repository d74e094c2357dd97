-- name: days_by_state
select state, count(*) from days group by 1

-- name: totals
-- Dead letters, erasures that are going on, the end of the last round of maintenance (0 before the first), and the size.
select
    (select count(*) from dead_letters),
    (select count(*) from erasures where finished_at is null),
    (select coalesce(extract(epoch from finished_at), 0) from maintained),
    pg_database_size(current_database())
