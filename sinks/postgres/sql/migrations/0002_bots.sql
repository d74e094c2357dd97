-- Why a device looks like a program: with the device, so that a row grows by nothing.
alter table devices add column bot text not null default '';
alter table devices drop constraint devices_browser_system_kind_key;
alter table devices add constraint devices_names_key unique (browser, system, kind, bot);
comment on column devices.bot is 'Why it looks like a program: crawler, headless, script or missing; empty for a person.';

-- New columns of a view stand last.
create or replace view events as
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
    raw.event_id as event_uuid,
    nullif(devices.bot, '') as bot
from raw_events as raw
join event_types as types on types.id = raw.event_type
join devices on devices.id = raw.device;
