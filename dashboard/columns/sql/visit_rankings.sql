-- The most frequent names of every ranking of visits: visits, visits of the previous period.
select number, name, visits, previous
from (
    select *, row_number() over (partition by number order by visits desc, name) as place
    from (
        select
            {number} as number, coalesce({columns}) as name,
            count(*) filter (where is_current) as visits, count(*) filter (where is_previous) as previous
        from selected
        group by grouping sets ({sets})
    ) as counted
    where name is not null and visits > 0 and ({all_names} or contains(lower(name), $search))
) as placed
where place <= {max_rows}
order by number, place
