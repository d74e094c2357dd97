-- name: add
insert into rows_after_hour (day, event_ids)
select day_of(id), array_agg(id) from unnest(%(ids)s::uuid[]) as id group by 1
