-- The most frequent names of a ranking, and what it counts in all.
select name, events, previous, sum(events) over ()::bigint
from (
    select {column} as name, count(*) filter (where is_current) as events, count(*) filter (where is_previous) as previous
    from selected
    where {column} is not null
    group by 1
) as counted
where events > 0
order by events desc, name
limit {max_rows}
