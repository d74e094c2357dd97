-- name: insert
-- Stores a record that could not land, in the transaction that moves its offset. A record that is read again and fails
-- again stays one dead letter, which counts how often it was read.
insert into dead_letters (
    cluster_id, topic, topic_id, part, record_offset, reason, detail, sqlstate, record_key, record_value, headers, appended_at
)
values (
    %(cluster_id)s, %(topic)s, %(topic_id)s, %(part)s, %(offset)s, %(reason)s, %(detail)s, %(sqlstate)s, %(key)s, %(value)s,
    %(headers)s, %(appended_at)s
)
on conflict (cluster_id, topic, topic_id, part, record_offset) do update set reads = dead_letters.reads + 1

-- name: lock
-- Dead letters to retry, locked until the end of the transaction. Those that another process is retrying are skipped.
select
    reads, cluster_id, topic_id, id, topic, part, record_offset, (extract(epoch from appended_at) * 1000)::bigint, reason, detail, record_key,
    record_value, headers
from dead_letters
where id = any(%(ids)s) and topic = %(topic)s
order by id
for update skip locked

-- name: delete
-- Removes dead letters that landed, were duplicates, or belong to an erased user.
delete from dead_letters where id = any(%(ids)s)

-- name: count_attempt
-- Notes a retry that failed, and why.
update dead_letters
set attempts = attempts + 1, tried_at = now(), reason = %(reason)s, detail = %(detail)s, sqlstate = %(sqlstate)s
where id = %(id)s
