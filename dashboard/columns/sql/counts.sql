-- The most frequent names of every ranking with what it counts in all, and events by step and type (number -1).
select number, step, name, events, previous, ranking_events
from (
    select
        *,
        row_number() over (partition by number order by events desc, name) as place,
        sum(events) over (partition by number) as ranking_events
    from ({counted}) as counted
    where number < 0 and step is not null
        or number >= 0 and name is not null and events > 0 and contains(lower(name), $search)
) as placed
where place <= {max_rows} or number < 0
order by number, place
