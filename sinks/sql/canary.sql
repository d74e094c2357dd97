-- name: delete_old
-- Removes canaries that nobody looks at any more.
delete from canaries where sent_at < now() - %(retention)s::interval

-- name: insert
-- Notes a canary before it is sent, so that one that is lost leaves a trace.
insert into canaries (event_id, sent_at) values (%(event_id)s, now())

-- name: mark_landed
-- Notes that a canary landed, if its row is there. `clock_timestamp`, because `now` is when the transaction began.
update canaries
set landed_at = clock_timestamp()
where event_id = %(event_id)s and exists (
    select from raw_events where day_of(event_id) = day_of(%(event_id)s) and event_id = %(event_id)s
)

-- name: mark_failed
-- Notes why a canary did not arrive.
update canaries set failure = %(failure)s where event_id = %(event_id)s
