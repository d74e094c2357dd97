-- What is used: the most frequent values of each property of events without a schema.
select event_type, property, value, events, people, previous
from (
    select *, row_number() over (partition by event_type, property order by events desc, value) as place
    from (
        select
            event_type, entry[1] as property, entry[2] as value,
            count(*) filter (where is_current) as events,
            count(distinct person) filter (where is_current and is_person) as people,
            count(*) filter (where is_previous) as previous
        from (
            select event_type, person, is_person, is_current, is_previous,
                str_split(unnest(str_split(properties, chr(30))), chr(31)) as entry
            from selected
            where is_counted and properties is not null
        ) as used
        group by 1, 2, 3
    ) as counted
    where events > 0 and contains(lower(event_type || ' ' || property || ' ' || value), $search)
) as placed
where place <= {max_values}
order by events desc, event_type, property, value
limit {max_rows}
