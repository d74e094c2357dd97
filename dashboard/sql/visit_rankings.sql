-- The most frequent names of every ranking of visits: visits, people, visits of the previous period.
-- The placeholder becomes a row (panel, expression) per ranking, out of the panels in render/panels.py.
select panel, name, visits, people, previous
from (
    select *, row_number() over (partition by panel order by visits desc, name collate "C") as place
    from (
        select
            named.panel, named.name,
            count(*) filter (where is_current) as visits,
            count(distinct person) filter (where is_current) as people,
            count(*) filter (where is_previous) as previous
        from selected
        cross join lateral (values {expressions}) as named (panel, name)
        where position(lower(%(search)s) in lower(named.name)) > 0
        group by named.panel, named.name
    ) as counted
    where visits > 0
) as placed
where place <= %(max_rows)s
order by panel, place
