-- The most frequent names of every panel that only counts them.
select panel, name, events, before
from (
    select panel, name, events, before, row_number() over (partition by panel order by events desc, name) as place
    from (
        select named.panel, named.name, count(*) filter (where is_now) as events, count(*) filter (where is_before) as before
        from chosen
        cross join lateral (
            values
                ('types', event_type),
                ('pages', case when event_type = 'page_view' then event_data ->> 'page' end),
                ('referrers', case when event_type = 'page_view' then event_data ->> 'referrer' end),
                ('buttons', case when event_type = 'button_click' then event_data ->> 'button' end),
                ('devices', device),
                ('browsers', browser),
                ('systems', system)
        ) as named (panel, name)
        where named.name is not null
        group by named.panel, named.name
    ) as counted
    where events > 0
) as placed
where place <= %(top)s
order by panel, place
