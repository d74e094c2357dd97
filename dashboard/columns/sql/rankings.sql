-- The most frequent names of every ranking, with the events of the whole ranking.
select number, name, events, previous, ranking_events
from (
    select
        *,
        row_number() over (partition by number order by events desc, name) as place,
        sum(events) over (partition by number) as ranking_events
    from ({counted}) as counted
    where name is not null and events > 0 and ({all_names} or contains(lower(name), $search))
) as placed
where place <= {max_rows}
order by number, place
