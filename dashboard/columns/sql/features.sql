-- What is used: the most frequent values of each property of events without a schema, as entries. People are counted of
-- those that are shown alone.
select event_type, entry, property, text, events, previous
from (
    select *, row_number() over (partition by event_type, property order by events desc, text) as place
    from (
        select *, split_part(entry, {value}, 1) as property, split_part(entry, {value}, 2) as text
        from (
            select
                event_type, entry,
                {events} filter (where is_current) as events, coalesce({events} filter (where is_previous), 0) as previous
            from selected
            where is_counted
            group by 1, 2
        ) as counted
    ) as parted
    where events > 0 and ({all_names} or contains(lower(event_type || ' ' || property || ' ' || text), $search))
) as placed
where place <= {max_values}
order by events desc, event_type, property, text
limit {max_rows}
