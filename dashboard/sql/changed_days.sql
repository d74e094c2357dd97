-- What changed the rows of days besides landing: erased and dropped ones. A day that differs from what landed, or is
-- being dropped, is uncertain: counts say nothing about its rows.
select
    (extract(epoch from day) * 1000)::bigint,
    coalesce(erased.rows, 0)::bigint,
    coalesce(days.dropped, 0),
    coalesce(days.state in ('differs', 'detaching', 'detached'), false),
    coalesce(days.packed, 0) > 0
from (select day, sum(rows) as rows from erased_rows group by 1) as erased
full join days using (day)
where day between (%(since)s at time zone 'UTC')::date and (%(until)s at time zone 'UTC')::date
