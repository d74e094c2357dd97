-- Rows of a day that landed after their hour, by transactions that another snapshot did not have.
select event_id
from rows_after_hour, unnest(event_ids) as event_id
where day = %(day)s and not pg_visible_in_snapshot(landed_in, %(as_of)s::pg_snapshot)
