-- Roll-ups, which outlive the rows, and the state of each day.
create table hourly_deltas (
    -- Whoever publishes all tables (logical replication) can delete only rows that have a key.
    id bigint generated always as identity primary key,
    hour timestamptz not null,
    event_type smallint not null,
    events bigint not null
);
comment on table hourly_deltas is 'Rows that landed, by batch, hour and type: written in their transaction, folded into hourly_counts later.';
comment on column hourly_deltas.id is 'Identifies the line.';
comment on column hourly_deltas.hour is 'The UTC hour of the ids.';
comment on column hourly_deltas.event_type is 'Number of the type in event_types.';
comment on column hourly_deltas.events is 'Rows that landed in a batch.';

create table hourly_counts (
    hour timestamptz not null,
    event_type smallint not null,
    events bigint not null,
    primary key (hour, event_type)
);
comment on table hourly_counts is 'Events that landed, by type and hour of the time inside the id. Stays when the rows are dropped.';
comment on column hourly_counts.hour is 'The UTC hour of the ids.';
comment on column hourly_counts.event_type is 'Number of the type in event_types.';
comment on column hourly_counts.events is 'Rows that landed and were folded.';

-- Exact, because visitors are counted from the rows before those are dropped.
create table daily_counts (
    id bigint generated always as identity primary key,
    day date not null,
    event_type smallint,
    users bigint not null,
    sessions bigint not null,
    unique nulls not distinct (day, event_type)
);
comment on table daily_counts is 'Visitors by type and day of the time inside the id. Stays when the rows are dropped.';
comment on column daily_counts.id is 'Identifies the line, as event_type can be null.';
comment on column daily_counts.day is 'The UTC day of the ids.';
comment on column daily_counts.event_type is 'Null in the line for all types, in which a visitor with events of several types counts once.';
comment on column daily_counts.users is 'Distinct users, including those who were erased later.';
comment on column daily_counts.sessions is 'Distinct sessions; of visitors without a session, one each.';

create view events_hourly as
select counted.hour, types.name as event_type, sum(counted.events)::bigint as events
from (select * from hourly_counts union all select hour, event_type, events from hourly_deltas) as counted
join event_types as types on types.id = counted.event_type
group by 1, 2;
comment on view events_hourly is 'Events by hour and type, never deleted. Includes events of users who were erased later.';
comment on column events_hourly.hour is 'The UTC hour of the ids.';
comment on column events_hourly.event_type is 'What happened, as the sender named it.';
comment on column events_hourly.events is 'Events that landed.';

create view events_daily as
select landed.day, types.name as event_type, landed.events, counted.users, counted.sessions
from (
    select (hour at time zone 'UTC')::date as day, event_type as type_id, sum(events)::bigint as events
    from (select * from hourly_counts union all select hour, event_type, events from hourly_deltas) as both_parts
    group by 1, 2
) as landed
join event_types as types on types.id = landed.type_id
left join daily_counts as counted on counted.day = landed.day and counted.event_type = landed.type_id;
comment on view events_daily is 'Events and visitors by day (UTC) and type, never deleted. Visitors are null until the day is over and audited.';
comment on column events_daily.day is 'The UTC day of the ids.';
comment on column events_daily.event_type is 'What happened, as the sender named it.';
comment on column events_daily.events is 'Events that landed.';
comment on column events_daily.users is 'Distinct users; null until counted.';
comment on column events_daily.sessions is 'Distinct sessions, of visitors without a session one each; null until counted.';

create view visitors_daily as
select landed.day, landed.events, counted.users, counted.sessions
from (
    select (hour at time zone 'UTC')::date as day, sum(events)::bigint as events
    from (select * from hourly_counts union all select hour, event_type, events from hourly_deltas) as both_parts
    group by 1
) as landed
left join daily_counts as counted on counted.day = landed.day and counted.event_type is null;
comment on view visitors_daily is 'Events and visitors by day (UTC), of all types, never deleted. Visitors are null until the day is over and audited.';
comment on column visitors_daily.day is 'The UTC day of the ids.';
comment on column visitors_daily.events is 'Events that landed.';
comment on column visitors_daily.users is 'Distinct users; null until counted.';
comment on column visitors_daily.sessions is 'Distinct sessions, of visitors without a session one each; null until counted.';

create table landed_sums (
    id bigint generated always as identity primary key,
    day date not null,
    ids numeric not null,
    contents numeric not null
);
create index landed_sums_day on landed_sums (day);
comment on table landed_sums is 'What the stored rows of a day must add up to: written with the rows, changed by erasures, compared by the audit.';
comment on column landed_sums.id is 'Identifies the line.';
comment on column landed_sums.day is 'The UTC day of the ids.';
comment on column landed_sums.ids is 'The sum of id_sum_of their ids.';
comment on column landed_sums.contents is 'The sum of the hashes of those that is_sampled chooses.';

create table duplicate_samples (
    event_id uuid primary key,
    landed_at timestamptz not null default now()
);
comment on table duplicate_samples is 'Some of the events that were counted as duplicates: the audit looks whether the first copy is really there.';
comment on column duplicate_samples.event_id is 'The UUIDv7 inside its event_id.';
comment on column duplicate_samples.landed_at is 'When it was counted.';

create table days (
    day date primary key,
    state text not null check (
        state in ('closed', 'audited', 'differs', 'packed', 'detaching', 'detached', 'dropped')
    ),
    rows bigint not null,
    packed bigint not null default 0,
    dropped bigint not null default 0,
    audited_on date,
    changed_at timestamptz not null default now()
);
comment on table days is 'The state of each day of raw_events. A day that is not here is open.';
comment on column days.day is 'The UTC day of the ids.';
comment on column days.state is 'closed, audited, differs, packed, detaching, detached or dropped.';
comment on column days.rows is 'Rows that the last audit found.';
comment on column days.packed is 'Rows that are in packed_events; the others are in raw_events.';
comment on column days.dropped is 'Rows that were dropped at the end of retention.';
comment on column days.audited_on is 'The day of the last audit.';
comment on column days.changed_at is 'When the state last changed.';

create table maintained (
    only_row boolean primary key default true check (only_row),
    finished_at timestamptz,
    dead_letters_expired bigint not null default 0
);
insert into maintained default values;
comment on table maintained is 'When the last round of maintenance ended, for an alert when maintenance stops; and what rounds deleted.';
comment on column maintained.only_row is 'Always true, so there is only one row.';
comment on column maintained.dead_letters_expired is 'Dead letters that were deleted at the end of retention, by the times that they were read.';
comment on column maintained.finished_at is 'When the last round ended; null before the first.';
