-- What is used: the most frequent values of each property of the events that are not in the catalogue of types with a
-- schema; text, numbers, yes and no. Without the characters that part them in column files.
select event_type, property, value, events, people, previous
from (
    select *, row_number() over (partition by event_type, property order by events desc, value collate "C") as place
    from (
        select
            event_type, translate(property.name, chr(30) || chr(31), '') as property,
            translate(property.value #>> '{}', chr(30) || chr(31), '') as value,
            count(*) filter (where is_current) as events,
            count(distinct person) filter (where is_current) as people,
            count(*) filter (where is_previous) as previous
        from selected cross join lateral jsonb_each(event_data) as property (name, value)
        where is_counted and event_type <> all (%(typed)s::text[])
            and jsonb_typeof(property.value) in ('string', 'number', 'boolean')
        group by 1, 2, 3
    ) as counted
    where events > 0 and position(lower(%(search)s) in lower(concat(event_type, ' ', property, ' ', value))) > 0
) as placed
where place <= %(max_values)s
order by events desc, event_type collate "C", property collate "C", value collate "C"
limit %(max_rows)s
