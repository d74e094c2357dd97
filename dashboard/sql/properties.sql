-- The properties of the newest events of each of these types within an hour: how often each has which JSON type.
with newest as (
    select event_type, event_data, row_number() over (partition by event_type order by event_uuid desc) as place
    from events_between(%(hour)s, %(hour)s + interval '1 hour')
    where event_type = any (%(names)s)
), counted as (
    select event_type, property.name, jsonb_typeof(property.value) as kind, count(*) as events
    from newest cross join lateral jsonb_each(event_data) as property (name, value)
    where place <= %(max_events)s
    group by 1, 2, 3
), ranked as (
    select *, dense_rank() over (partition by event_type order by per_name desc, name) as place
    from (select *, sum(events) over (partition by event_type, name) as per_name from counted) as summed
)
select event_type, least(totals.events, %(max_events)s) as read, name, kind, ranked.events
from (select event_type, count(*) as events from newest group by 1) as totals
left join ranked using (event_type)
where place is null or place <= %(max_properties)s
order by event_type, place, ranked.events desc, kind
