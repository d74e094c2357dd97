-- Raw events, one partition a UTC day, by the time inside the id: so the id alone is the primary key, and a
-- second copy of an event always meets the first.
create table event_types (
    id smallint generated always as identity primary key,
    name text not null unique
);
comment on table event_types is 'Names of event types, so that a row holds two bytes of them.';

create table devices (
    id integer generated always as identity primary key,
    browser text not null,
    system text not null,
    kind text not null,
    unique (browser, system, kind)
);
comment on table devices is 'Browser, system and class of devices, so that a row holds four bytes of them.';

create table raw_events (
    event_id uuid not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    sent_at timestamptz,
    event_type smallint not null,
    schema_id integer not null,
    device integer not null,
    time_flag smallint not null,
    user_key bytea,
    session_key bytea,
    ip_hash bytea,
    page text,
    event_data jsonb not null,
    primary key (event_id)
) partition by range (event_id);
comment on table raw_events is 'Every accepted event once. Read it through the view events.';
comment on column raw_events.event_id is 'UUIDv7; the day of its time is the partition.';
comment on column raw_events.time_flag is '0 unknown, 1 ok, 2 past, 3 clamped.';
comment on column raw_events.page is 'Path of the page, unless event_data holds it under page.';

create view events as
select
    'evt_' || replace(raw.event_id::text, '-', '') as event_id,
    types.name as event_type,
    raw.occurred_at,
    raw.received_at,
    raw.sent_at,
    (array['unknown', 'ok', 'past', 'clamped'])[raw.time_flag + 1] as time_flag,
    encode(raw.user_key, 'hex') as user_key,
    encode(raw.session_key, 'hex') as session_key,
    encode(raw.ip_hash, 'hex') as ip_hash,
    devices.browser,
    devices.system,
    devices.kind as device,
    coalesce(raw.page, raw.event_data ->> 'page') as page,
    raw.event_data,
    raw.schema_id,
    raw.event_id as event_uuid
from raw_events as raw
join event_types as types on types.id = raw.event_type
join devices on devices.id = raw.device;
comment on view events is
    'Every accepted event once, readable. Filter by event_uuid between id_from(...) and id_from(...) to read few days.';

create function id_from(moment timestamptz) returns uuid language sql immutable parallel safe as $$
    select (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
comment on function id_from is 'The smallest event id of a moment: a bound for event_uuid that prunes partitions.';

create table sink_offsets (
    sink text not null,
    cluster_id text not null,
    topic text not null,
    part integer not null,
    next_offset bigint not null,
    owner text not null,
    updated_at timestamptz not null default now(),
    primary key (sink, cluster_id, topic, part)
);
comment on table sink_offsets is 'How far each partition has landed; moves in the transaction of its rows.';

create table landed (
    sink text not null,
    topic text not null,
    part integer not null,
    day date not null,
    rows bigint not null default 0,
    duplicates bigint not null default 0,
    dead_letters bigint not null default 0,
    primary key (sink, topic, part, day)
);
comment on table landed is 'What became of the records read, by day of landing; their sum is the range of offsets.';

create table dead_letters (
    id bigint generated always as identity primary key,
    cluster_id text not null,
    topic text not null,
    part integer not null,
    record_offset bigint not null,
    reason text not null,
    detail text not null,
    record_key bytea,
    record_value bytea,
    appended_at timestamptz not null,
    rejected_at timestamptz not null default now(),
    unique (cluster_id, topic, part, record_offset)
);
comment on table dead_letters is 'Records that could not land, byte for byte, with the reason.';
