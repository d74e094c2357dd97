-- name: pending
-- The oldest dead letters that were not published yet.
select
    id, topic, part, record_offset, (extract(epoch from appended_at) * 1000)::bigint, reason, detail, record_key,
    record_value, headers
from dead_letters
where published_at is null
order by id
limit %(limit)s

-- name: mark_published
-- Notes that these are published. If a crash takes this back, they are published a second time, which does no harm:
-- readers recognize the copy by its source topic, partition and offset.
update dead_letters set published_at = now() where id = any(%(ids)s)

-- name: count_pending
-- How many were not published yet.
select count(*) from dead_letters where published_at is null
