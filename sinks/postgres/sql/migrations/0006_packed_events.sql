-- Old days are packed: about a thousand events per row, an array per column, ordered by visitor so that Postgres's own
-- compression finds similar values. All of it is SQL without an extension, and the views read hot and packed rows.
create type key_range as range (subtype = bytea);
comment on type key_range is 'A range of owners: see owner_of.';

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
comment on column packed_events.owners is 'The range of owner_of over its events: the index finds the blocks that may hold a visitor or an event.';
comment on column packed_events.received is 'Milliseconds since 1970.';
comment on column packed_events.occurred is 'Milliseconds after received, usually negative.';
comment on column packed_events.sent is 'Milliseconds after received; null if the client did not send it.';
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

create or replace view events as
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

create function events_between(low timestamptz, high timestamptz) returns setof events
language sql stable parallel safe as $$
    select * from events
    where event_uuid >= id_from(low) and event_uuid < id_from(high)
        and day between (low at time zone 'UTC')::date and (high at time zone 'UTC')::date
$$;
comment on function events_between is 'The events between two times, by the time inside the id. Reads only the days it needs.';

alter table days add column packed bigint not null default 0;
comment on column days.packed is 'Rows that are in packed_events; the others are in raw_events.';
alter table days add column dropped bigint not null default 0;
comment on column days.dropped is 'Rows that were dropped at the end of retention.';
update days set dropped = rows where state = 'dropped';
