-- Events, in two forms that the view `events` reads as one: hot rows in raw_events, and old rows in packed_events.
comment on table migrations is 'Changes of the schema that were applied.';
comment on column migrations.name is 'The file of a migration, or the name and a hash of a view.';
comment on column migrations.applied_at is 'When it was applied.';

-- Lookup tables: names that many rows share, so that a row holds a number of two or four bytes.
create table event_types (
    id smallint generated always as identity primary key,
    name text not null unique
);
comment on table event_types is 'Names of event types.';
comment on column event_types.id is 'What rows hold instead of the name.';
comment on column event_types.name is 'As the sender named it.';

create table devices (
    id integer generated always as identity primary key,
    browser text not null,
    system text not null,
    kind text not null,
    bot text not null default '',
    constraint devices_names_key unique (browser, system, kind, bot)
);
comment on table devices is 'Browser, operating system and class of devices.';
comment on column devices.id is 'What rows hold instead of the names.';
comment on column devices.browser is 'Browser family, or unknown.';
comment on column devices.system is 'Operating system family, or unknown.';
comment on column devices.kind is 'desktop, mobile, tablet, bot or unknown.';
comment on column devices.bot is 'Why it looks like a program: crawler, headless, script or missing; empty if it does not.';

-- One partition per UTC day of the time inside the id. So the id alone can be the primary key, although a primary key
-- must contain the partition key, and a second copy of an event always meets the first.
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
comment on table raw_events is 'Accepted events, each once, until they are packed. Read them through the view events.';
comment on column raw_events.event_id is 'UUIDv7; the UTC day of its time is the partition.';
comment on column raw_events.occurred_at is 'When it happened, by the client''s clock.';
comment on column raw_events.received_at is 'When the collector received it.';
comment on column raw_events.sent_at is 'When the client sent it, by its clock.';
comment on column raw_events.event_type is 'Number of the type in event_types.';
comment on column raw_events.schema_id is 'Id of the schema that it was published with.';
comment on column raw_events.device is 'Number of the device in devices.';
comment on column raw_events.time_flag is '0 unknown, 1 ok, 2 past, 3 clamped.';
comment on column raw_events.user_key is 'Keyed hash of the user id; null without a user.';
comment on column raw_events.session_key is 'Keyed hash of the session id; null without a session.';
comment on column raw_events.ip_hash is 'Keyed hash of the IP address; the key changes daily.';
comment on column raw_events.page is 'Path of the page; null if event_data holds it as page.';
comment on column raw_events.event_data is 'The type''s own fields, as sent.';

create function id_from(moment timestamptz) returns uuid language sql immutable parallel safe as $$
    select (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
comment on function id_from is 'The smallest event id of a time: a bound for event_uuid that prunes partitions.';

create function day_of(id uuid) returns date language sql immutable parallel safe as $$
    select date '1970-01-01' + (('x' || left(id::text, 8) || substr(id::text, 10, 4))::bit(48)::bigint / 86400000)::integer
$$;
comment on function day_of is 'The UTC day of the time inside an event id.';

create function milliseconds_of(moment timestamptz) returns bigint language sql immutable parallel safe as $$
    select (extract(epoch from moment) * 1000)::bigint
$$;
comment on function milliseconds_of is 'A time in milliseconds since 1970.';

create function moment_of(milliseconds bigint) returns timestamptz language sql immutable parallel safe as $$
    -- In two parts: a double cannot represent the milliseconds of years far away.
    select to_timestamp((milliseconds / 1000)::float8) + (milliseconds % 1000) * interval '1 millisecond'
$$;
comment on function moment_of is 'The time that is so many milliseconds after 1970.';

create function owner_of(user_key bytea, session_key bytea, event_id uuid) returns bytea
language sql immutable parallel safe as $$ select coalesce(user_key, session_key, uuid_send(event_id)) $$;
comment on function owner_of is 'Whose event it is: the user, or else the session, or else only the event itself. Packed events are ordered by it.';

create type key_range as range (subtype = bytea);
comment on type key_range is 'A range of owners: see owner_of.';

-- Old days are packed: about a thousand events per row, an array per column, ordered by visitor so that Postgres's own
-- compression finds similar values. All of it is SQL without an extension.
create table packed_events (
    day date not null,
    id uuid not null default gen_random_uuid(),
    rows integer not null,
    owners key_range not null,
    event_ids uuid[] not null,
    occurred bigint[] not null,
    received bigint[] not null,
    sent bigint[] not null,
    event_types smallint[] not null,
    schema_ids integer[] not null,
    devices integer[] not null,
    time_flags smallint[] not null,
    user_keys bytea[] not null,
    session_keys bytea[] not null,
    ip_hashes bytea[] not null,
    pages text[] not null,
    event_data text[] not null,
    primary key (day, id)
) partition by list (day);
create index packed_events_owners on packed_events using gist (owners);
comment on table packed_events is 'Old events, in blocks of about a thousand. Read them through the view events.';
comment on column packed_events.day is 'The UTC day of its event ids.';
comment on column packed_events.id is 'Identifies the block.';
comment on column packed_events.rows is 'Number of events.';
comment on column packed_events.owners is 'The range of owner_of over its events: the index finds the blocks that may hold a visitor or an event.';
comment on column packed_events.event_ids is 'One element per event, as in all arrays here.';
comment on column packed_events.occurred is 'Milliseconds after received, usually negative.';
comment on column packed_events.received is 'Milliseconds since 1970.';
comment on column packed_events.sent is 'Milliseconds after received; null if the client did not send it.';
comment on column packed_events.event_types is 'Numbers of types in event_types.';
comment on column packed_events.schema_ids is 'Ids of the schemas that they were published with.';
comment on column packed_events.devices is 'Numbers of devices in devices.';
comment on column packed_events.time_flags is '0 unknown, 1 ok, 2 past, 3 clamped.';
comment on column packed_events.user_keys is 'Keyed hashes of user ids.';
comment on column packed_events.session_keys is 'Keyed hashes of session ids.';
comment on column packed_events.ip_hashes is 'Keyed hashes of IP addresses.';
comment on column packed_events.pages is 'Paths of pages; null if event_data holds them.';
comment on column packed_events.event_data is 'JSON as text: arrays of text compress better than arrays of jsonb.';

create function unpack(block packed_events) returns table (
    event_id uuid, occurred_at timestamptz, received_at timestamptz, sent_at timestamptz, event_type smallint,
    schema_id integer, device integer, time_flag smallint, user_key bytea, session_key bytea, ip_hash bytea,
    page text, event_data jsonb
) language sql immutable parallel safe rows 1000 as $$
    select event_id, moment_of(received + occurred), moment_of(received), moment_of(received + sent), event_type,
        schema_id, device, time_flag, user_key, session_key, ip_hash, page, event_data::jsonb
    from unnest(
        block.event_ids, block.occurred, block.received, block.sent, block.event_types, block.schema_ids,
        block.devices, block.time_flags, block.user_keys, block.session_keys, block.ip_hashes, block.pages,
        block.event_data
    ) as event (
        event_id, occurred, received, sent, event_type, schema_id, device, time_flag, user_key, session_key,
        ip_hash, page, event_data
    )
$$;
comment on function unpack is 'The events of a block, as rows of raw_events.';

create view stored_events as
select day_of(event_id) as day, event_id, occurred_at, received_at, sent_at, event_type, schema_id, device, time_flag,
    user_key, session_key, ip_hash, page, event_data
from raw_events
union all
select packed.day, event.*
from packed_events as packed
cross join lateral unpack(packed) as event;
comment on view stored_events is 'Hot and packed rows, with numbers instead of names. The view events is built on it.';
comment on column stored_events.day is 'The UTC day of the event id.';
comment on column stored_events.event_id is 'UUIDv7.';
comment on column stored_events.occurred_at is 'When it happened, by the client''s clock.';
comment on column stored_events.received_at is 'When the collector received it.';
comment on column stored_events.sent_at is 'When the client sent it, by its clock.';
comment on column stored_events.event_type is 'Number of the type in event_types.';
comment on column stored_events.schema_id is 'Id of the schema that it was published with.';
comment on column stored_events.device is 'Number of the device in devices.';
comment on column stored_events.time_flag is '0 unknown, 1 ok, 2 past, 3 clamped.';
comment on column stored_events.user_key is 'Keyed hash of the user id; null without a user.';
comment on column stored_events.session_key is 'Keyed hash of the session id; null without a session.';
comment on column stored_events.ip_hash is 'Keyed hash of the IP address; the key changes daily.';
comment on column stored_events.page is 'Path of the page; null if event_data holds it as page.';
comment on column stored_events.event_data is 'The type''s own fields, as sent.';

create view events as
select
    'evt_' || replace(stored.event_id::text, '-', '') as event_id,
    types.name as event_type,
    stored.occurred_at,
    stored.received_at,
    stored.sent_at,
    (array['unknown', 'ok', 'past', 'clamped'])[stored.time_flag + 1] as time_flag,
    encode(stored.user_key, 'hex') as user_key,
    encode(stored.session_key, 'hex') as session_key,
    encode(stored.ip_hash, 'hex') as ip_hash,
    devices.browser,
    devices.system,
    devices.kind as device,
    coalesce(stored.page, stored.event_data ->> 'page') as page,
    stored.event_data,
    stored.schema_id,
    stored.event_id as event_uuid,
    nullif(devices.bot, '') as bot,
    stored.day
from stored_events as stored
join event_types as types on types.id = stored.event_type
join devices on devices.id = stored.device;
comment on view events is
    'Every accepted event once. To read only the days you need, use events_between(from, to) or filter by day.';
comment on column events.event_id is 'As the collector answered it: evt_ and 32 hex digits.';
comment on column events.event_type is 'What happened, as the sender named it.';
comment on column events.occurred_at is 'When it happened, by the client''s clock.';
comment on column events.received_at is 'When the collector received it.';
comment on column events.sent_at is 'When the client sent it, by its clock.';
comment on column events.time_flag is 'How far to trust occurred_at: ok, past, clamped or unknown.';
comment on column events.user_key is 'Keyed hash of the user id, in hex; null without a user.';
comment on column events.session_key is 'Keyed hash of the session id, in hex; null without a session.';
comment on column events.ip_hash is 'Keyed hash of the IP address, in hex; the key changes daily.';
comment on column events.browser is 'Browser family, or unknown.';
comment on column events.system is 'Operating system family, or unknown.';
comment on column events.device is 'desktop, mobile, tablet, bot or unknown.';
comment on column events.page is 'Path of the page.';
comment on column events.event_data is 'The type''s own fields, as sent.';
comment on column events.schema_id is 'Id of the schema that it was published with.';
comment on column events.event_uuid is 'The UUIDv7 inside event_id.';
comment on column events.bot is 'Why it looks like a program: crawler, headless, script or missing; null if it does not.';
comment on column events.day is 'The UTC day of the time inside the id. A filter on it reads only these days.';

create function events_between(low timestamptz, high timestamptz) returns setof events
language sql stable parallel safe as $$
    select * from events
    where event_uuid >= id_from(low) and event_uuid < id_from(high)
        -- A period that ends at midnight needs nothing of the day that begins there.
        and day between (low at time zone 'UTC')::date
            and ((high at time zone 'UTC') - interval '1 microsecond')::date
$$;
comment on function events_between is 'The events between two times, by the time inside the id. Reads only the days it needs.';
