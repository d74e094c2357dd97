-- name: export
-- Everything that is stored of the dead letters that pass a filter; bytes in base64, as the result becomes JSON.
select
    id,
    topic,
    part as partition,
    record_offset as offset,
    reason,
    detail,
    sqlstate,
    attempts,
    appended_at,
    rejected_at,
    tried_at,
    published_at,
    encode(record_key, 'base64') as key,
    encode(record_value, 'base64') as value,
    headers
from dead_letters
where (%(reason)s::text is null or reason = %(reason)s)
    and (%(since)s::timestamptz is null or rejected_at >= %(since)s)
    and (%(ids)s::bigint[] is null or id = any(%(ids)s))
order by id
limit %(limit)s

-- name: retryable
-- Id and reason of the dead letters that pass a filter and may be retried. Not those of dropped days: nothing is left
-- there to recognize a duplicate by, so an event could be counted twice.
select id, reason
from dead_letters
where (%(reason)s::text is null or reason = %(reason)s)
    and (%(since)s::timestamptz is null or rejected_at >= %(since)s)
    and (%(ids)s::bigint[] is null or id = any(%(ids)s))
    and not exists (
        select from days where day = appended_at::date and state in ('detaching', 'detached', 'dropped')
    )
order by id
limit %(limit)s
