-- Roll-ups, which outlive the rows, and the state of each day.
create table hourly_deltas (
    hour timestamptz not null,
    event_type smallint not null,
    events bigint not null
);
comment on table hourly_deltas is 'Rows that landed, by batch, hour and type: written in their transaction, folded into hourly_counts later.';

create table hourly_counts (
    hour timestamptz not null,
    event_type smallint not null,
    events bigint not null,
    primary key (hour, event_type)
);
comment on table hourly_counts is 'Events that landed, by type and hour of the time inside the id. Stays when the rows are dropped.';

-- What landed before this migration.
insert into hourly_counts (hour, event_type, events)
select
    date_trunc('hour', to_timestamp(('x' || substr(replace(event_id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0), 'UTC'),
    event_type,
    count(*)
from raw_events
group by 1, 2;

create view events_hourly as
select counted.hour, types.name as event_type, sum(counted.events)::bigint as events
from (select * from hourly_counts union all select * from hourly_deltas) as counted
join event_types as types on types.id = counted.event_type
group by 1, 2;
comment on view events_hourly is 'Events by hour and type, never deleted. Includes events of users who were erased later.';

create table days (
    day date primary key,
    state text not null check (state in ('audited', 'differs', 'detaching', 'dropped')),
    rows bigint not null,
    changed_at timestamptz not null default now()
);
comment on table days is 'The state of each day of raw_events. A day that is not here is open.';
comment on column days.rows is 'Rows that the last audit found.';

create table erased_rows (
    day date not null,
    receipt text not null references erasures (receipt),
    rows bigint not null,
    primary key (day, receipt)
);
comment on table erased_rows is 'Rows that an erasure removed, by day, so that the day still adds up.';
