-- What is used: the most frequent values of each property of events without a schema. People are counted of those that
-- are shown alone, by their numbers: to hold text for each person takes more memory than there is.
, counted as (
    select
        event_type, property, text,
        {events} filter (where is_current) as events, coalesce({events} filter (where is_previous), 0) as previous
    from selected
    where is_counted
    group by 1, 2, 3
), shown as materialized (
    select *, row_number() over (order by events desc, event_type, property, text) as number
    from (
        select *, row_number() over (partition by event_type, property order by events desc, text) as place
        from counted
        where events > 0 and contains(lower(event_type || ' ' || property || ' ' || text), $search)
    ) as placed
    where place <= {max_values}
    order by number
    limit {max_rows}
), people as (
    select number, count(*) as people
    from (
        select distinct number, person
        from selected
        join shown using (event_type, property, text)
        where is_current and is_person and person is not null
    ) as used
    group by number
)
select event_type, property, text, events, coalesce(people, 0), previous
from shown
left join people using (number)
order by number
