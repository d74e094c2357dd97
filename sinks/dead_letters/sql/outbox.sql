-- name: pending
-- The oldest dead letters that were not published yet, at least one, of so many bytes together: a foreign record may
-- have a mebibyte.
with oldest as (
    select
        id,
        coalesce(octet_length(record_key), 0) + coalesce(octet_length(record_value), 0) + octet_length(headers::text)
            as bytes
    from dead_letters
    where published_at is null
    order by id
    limit %(limit)s
),
summed as (
    select id, sum(bytes) over (order by id) - bytes as bytes_before from oldest
)
select
    id, topic, part, record_offset, (extract(epoch from appended_at) * 1000)::bigint, reason, detail, record_key,
    record_value, headers
from dead_letters
join summed using (id)
where bytes_before < %(max_bytes)s
order by id

-- name: mark_published
-- Notes that these are published. If a crash takes this back, they are published a second time, which does no harm:
-- readers recognize the copy by its source topic, partition and offset.
update dead_letters set published_at = now() where id = any(%(ids)s)

-- name: count_pending
-- How many were not published yet.
select count(*) from dead_letters where published_at is null
