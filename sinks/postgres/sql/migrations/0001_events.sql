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

create function day_of(id uuid) returns date language sql immutable parallel safe
    return date '1970-01-01' + (('x' || encode(substr(uuid_send(id), 1, 6), 'hex'))::bit(48)::bigint / 86400000)::integer;
comment on function day_of is 'The UTC day of the time inside an event id.';

-- One partition per UTC day of the time inside the id, by the day itself: a filter on the column `day` of the views
-- prunes, whatever date it compares with. A key of the whole table must contain the partition key as a column, so each
-- partition has its own: the id alone. It suffices, as all copies of an event have the same id and so the same day. The
-- meaning of each column is in sinks/columns.py, and becomes its comment; so are the views and functions that read both
-- tables.
create table raw_events (
    event_id uuid not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    sent_at timestamptz,
    event_type smallint not null,
    time_flag smallint not null,
    schema_id integer not null,
    device integer not null,
    user_key bytea,
    visitor_key bytea,
    session_key bytea,
    page text,
    route text,
    event_data jsonb not null,
    site text,
    country text,
    region text,
    language text,
    screen text,
    release text,
    hostname text,
    source text,
    channel text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    utm_term text,
    utm_content text
) partition by range (day_of(event_id));
comment on table raw_events is 'Accepted events, each once, until they are packed. Read them through the view events.';

create function id_from(moment timestamptz) returns uuid language sql immutable parallel safe as $$
    select (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
comment on function id_from is 'The smallest event id of a time: a bound for event_uuid.';

-- Parsed now: whoever calls it, with any search path, means these functions.
create function day_of_partition(part oid) returns date language sql stable begin atomic
    select case
        when bounds is null then substring(bound from '^FOR VALUES IN \(''([^'']+)''\)$')::date
        when bounds[2]::date = bounds[1]::date + 1 then bounds[1]::date
    end
    from pg_class
    cross join pg_get_expr(relpartbound, oid) as bound
    cross join regexp_match(bound, '^FOR VALUES FROM \(''([^'']+)''\) TO \(''([^'']+)''\)$') as bounds
    where oid = part;
end;
comment on function day_of_partition is 'The UTC day that a partition of raw_events or packed_events holds, by its bounds; null if it is not one of a day.';

create function milliseconds_of(moment timestamptz) returns bigint language sql immutable parallel safe as $$
    select (extract(epoch from moment) * 1000)::bigint
$$;
comment on function milliseconds_of is 'A time in milliseconds since 1970.';

create function moment_of(milliseconds bigint) returns timestamptz language sql immutable parallel safe as $$
    -- In two parts: a double cannot represent the milliseconds of years far away.
    select to_timestamp((milliseconds / 1000)::float8) + (milliseconds % 1000) * interval '1 millisecond'
$$;
comment on function moment_of is 'The time that is so many milliseconds after 1970.';

create function owner_of(user_key bytea, session_key bytea, visitor_key bytea, event_id uuid) returns bytea
language sql immutable parallel safe as $$ select coalesce(user_key, session_key, visitor_key, uuid_send(event_id)) $$;
comment on function owner_of is 'Whose event it is: the user, or else the session, or else the visitor, or else only the event itself. Packed events are ordered by it.';

create type key_range as range (subtype = bytea);
comment on type key_range is 'A range of owners: see owner_of.';

-- Old days are packed: about a thousand events per row, an array per column, ordered by visitor so that Postgres's own
-- compression finds similar values. All of it is SQL without an extension.
create table packed_events (
    day date not null,
    id uuid not null default gen_random_uuid(),
    rows integer not null,
    contents numeric not null,
    owners key_range not null,
    event_ids uuid[] not null,
    occurred bigint[] not null,
    received bigint[] not null,
    sent bigint[] not null,
    event_types smallint[] not null,
    time_flags smallint[] not null,
    schema_ids integer[] not null,
    devices integer[] not null,
    user_keys bytea[] not null,
    visitor_keys bytea[] not null,
    session_keys bytea[] not null,
    pages text[] not null,
    routes text[] not null,
    event_data text[] not null,
    sites text[] not null,
    countries text[] not null,
    regions text[] not null,
    languages text[] not null,
    screens text[] not null,
    releases text[] not null,
    hostnames text[] not null,
    sources text[] not null,
    channels text[] not null,
    utm_sources text[] not null,
    utm_mediums text[] not null,
    utm_campaigns text[] not null,
    utm_terms text[] not null,
    utm_contents text[] not null,
    primary key (day, id)
) partition by list (day);
create index packed_events_owners on packed_events using gist (owners);

create function tail_of(id uuid) returns integer language sql immutable parallel safe as $$
    select ('x' || right(id::text, 8))::bit(32)::integer
$$;
comment on function tail_of is 'The last 32 bits of an event id, which are random.';

create function id_sum_of(id uuid) returns bigint language sql immutable parallel safe as $$
    select ('x' || right(replace(id::text, '-', ''), 16))::bit(64)::bigint
$$;
comment on function id_sum_of is 'The last 64 bits of an event id, as landed_sums adds them.';

create function is_sampled(id uuid) returns boolean language sql immutable parallel safe as $$
    select right(id::text, 2) = '00'
$$;
comment on function is_sampled is 'Whether what the event holds is in the sum of landed_sums: one in 256.';

create table packed_ids (
    day date not null,
    part integer not null,
    first_id uuid not null,
    tails integer[] not null,
    primary key (day, part, first_id)
);
comment on table packed_ids is 'Which events may be packed, by their id alone: four bytes each. A row of a packed day that meets its tail here is looked for in packed_events.';
comment on column packed_ids.day is 'The UTC day of the ids.';
comment on column packed_ids.part is 'Numbers the times that the day was packed.';
comment on column packed_ids.first_id is 'The smallest of these ids; they are consecutive in their part.';
comment on column packed_ids.tails is 'tail_of each id.';
comment on table packed_events is 'Old events, in blocks of about a thousand: one element per event in each array. Read them through the view events.';
comment on column packed_events.day is 'The UTC day of its event ids.';
comment on column packed_events.id is 'Identifies the block.';
comment on column packed_events.rows is 'Number of events.';
comment on column packed_events.contents is 'The sum of the hashes of its events, as rows of raw_events.';
comment on column packed_events.owners is 'The range of owner_of over its events: the index finds the blocks that may hold a visitor or an event.';
