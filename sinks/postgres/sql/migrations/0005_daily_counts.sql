-- Roll-ups by day, with visitors. These are exact, because they are counted from the rows before those are dropped.
create table daily_counts (
    day date not null,
    event_type smallint,
    users bigint not null,
    sessions bigint not null,
    unique nulls not distinct (day, event_type)
);
comment on table daily_counts is 'Visitors by type and day of the time inside the id. Stays when the rows are dropped.';
comment on column daily_counts.event_type is 'Null in the line for all types, in which a visitor with events of several types counts once.';
comment on column daily_counts.users is 'Distinct users, including those who were erased later.';
comment on column daily_counts.sessions is 'Distinct sessions.';

create view events_daily as
select landed.day, types.name as event_type, landed.events, counted.users, counted.sessions
from (
    select (hour at time zone 'UTC')::date as day, event_type as type_id, sum(events)::bigint as events
    from (select * from hourly_counts union all select * from hourly_deltas) as both_parts
    group by 1, 2
) as landed
join event_types as types on types.id = landed.type_id
left join daily_counts as counted on counted.day = landed.day and counted.event_type = landed.type_id;
comment on view events_daily is 'Events and visitors by day (UTC) and type, never deleted. Visitors are null until the day is over and audited.';

create view visitors_daily as
select landed.day, landed.events, counted.users, counted.sessions
from (
    select (hour at time zone 'UTC')::date as day, sum(events)::bigint as events
    from (select * from hourly_counts union all select * from hourly_deltas) as both_parts
    group by 1
) as landed
left join daily_counts as counted on counted.day = landed.day and counted.event_type is null;
comment on view visitors_daily is 'Events and visitors by day (UTC), of all types, never deleted. Visitors are null until the day is over and audited.';

alter table days add column audited_on date;
comment on column days.audited_on is 'The day of the last audit.';
alter table days drop constraint days_state_check;
alter table days add constraint days_state_check check (
    state in ('closed', 'audited', 'differs', 'packed', 'detaching', 'detached', 'dropped')
);
