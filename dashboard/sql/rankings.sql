-- The most frequent names of every ranking, and what each ranking counts in all. Programs are ranked in any case.
-- The placeholder becomes a row (number, expression) per ranking, out of the panels in render/panels.py.
select ranking, name, events, previous, ranking_events
from (
    select
        ranking, name, events, previous,
        row_number() over (partition by ranking order by events desc, name collate "C") as place,
        (sum(events) over (partition by ranking))::bigint as ranking_events
    from (
        select
            named.ranking, named.name,
            count(*) filter (where is_current) as events, count(*) filter (where is_previous) as previous
        from selected
        cross join lateral (values {expressions}) as named (ranking, name)
        where (is_counted or named.ranking = %(programs_ranking)s)
            and position(lower(%(search)s) in lower(named.name)) > 0
        group by named.ranking, named.name
    ) as counted
    where events > 0
) as placed
where place <= %(max_rows)s
order by ranking, place
