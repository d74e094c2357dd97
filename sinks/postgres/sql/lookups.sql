-- name: add_type
-- Another process may add the same name at this moment: then its number counts. A conflict uses up a number, of which
-- there are 32,767, so only names that were not there a moment ago are added.
insert into event_types (name) values (%s) on conflict do nothing

-- name: types
select name, id from event_types

-- name: add_devices
-- Those that are there already would use up numbers for nothing.
insert into devices (browser, system, kind, bot)
select browser, system, kind, bot
from unnest(%(browser)s::text[], %(system)s::text[], %(kind)s::text[], %(bot)s::text[])
    as wanted (browser, system, kind, bot)
where not exists (
    select from devices
    where (devices.browser, devices.system, devices.kind, devices.bot)
        = (wanted.browser, wanted.system, wanted.kind, wanted.bot)
)
on conflict do nothing

-- name: devices
-- The numbers of these.
select id, browser, system, kind, bot
from devices
join unnest(%(browser)s::text[], %(system)s::text[], %(kind)s::text[], %(bot)s::text[])
    as wanted (browser, system, kind, bot) using (browser, system, kind, bot)
