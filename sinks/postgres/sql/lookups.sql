-- name: add_type
-- Another process may add the same name at this moment: then its number counts.
insert into event_types (name) values (%s) on conflict do nothing

-- name: types
select name, id from event_types

-- name: add_device
insert into devices (browser, system, kind, bot) values (%s, %s, %s, %s) on conflict do nothing

-- name: devices
select id, browser, system, kind, bot from devices
