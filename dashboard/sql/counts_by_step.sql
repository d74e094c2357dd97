-- Events by step and type, from the rows; each step starts at the first id of its time.
select width_bucket(event_uuid, (select array_agg(id_from(start) order by start) from unnest(%(starts)s::timestamptz[]) as start)) - 1,
    event_type, count(*)
from events_between(%(first)s, %(end)s)
where (%(type)s::text is null or event_type = %(type)s)
    and (%(page)s::text is null or page = %(page)s)
    and (%(device)s::text is null or device = %(device)s)
group by 1, 2
