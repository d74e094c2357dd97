-- name: add_type
-- Another process may add the same name at this moment: then its number counts. Only a conflict uses up a number for
-- nothing, and there are not many.
insert into event_types (name)
select wanted.name
from (values (%s)) as wanted (name)
where not exists (select from event_types where event_types.name = wanted.name)
on conflict do nothing

-- name: types
select name, id from event_types

-- name: add_device
insert into devices (browser, system, kind, bot) values (%s, %s, %s, %s) on conflict do nothing

-- name: devices
select id, browser, system, kind, bot from devices
