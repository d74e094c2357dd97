-- Rows of a time within a day that landed after their hour, by transactions that another snapshot did not have. A database
-- that was restored from a dump begins again with small numbers: larger ones are of the one before.
select event_id
from rows_after_hour, unnest(event_ids) as event_id
where
    day = (%(since)s at time zone 'UTC')::date
    and event_id >= id_from(%(since)s)
    and event_id < id_from(%(until)s)
    and not pg_visible_in_snapshot(landed_in, %(as_of)s::pg_snapshot)
    and landed_in < pg_snapshot_xmax(pg_current_snapshot())
