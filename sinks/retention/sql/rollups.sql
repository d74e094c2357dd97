-- name: fold_deltas
-- Moves the lines that batches appended into one line per hour and type. One statement, so a reader of both tables
-- sees every event once.
with moved as (
    delete from hourly_deltas returning hour, event_type, events
)
insert into hourly_counts (hour, event_type, events)
select hour, event_type, sum(events) from moved group by 1, 2
on conflict (hour, event_type) do update set events = hourly_counts.events + excluded.events

-- name: count_deltas
-- Lines that the next fold moves.
select count(*) from hourly_deltas

-- name: count_visitors
-- Counts the distinct users and sessions of a day from its rows, by type and for all types together. The events of
-- visitors without a session count as one session a day, those of programs as nobody's. `greatest`: users
-- who were erased since an earlier count stay counted, so a count of visitors never falls.
insert into daily_counts (day, event_type, users, sessions)
select %(day)s::date, event_type, count(distinct user_key) filter (where is_person),
    count(distinct coalesce(session_key, visitor_key)) filter (where is_person)
from stored_events
join (select id as device, bot = '' as is_person from devices) as kinds using (device)
where day = %(day)s
group by grouping sets ((event_type), ())
on conflict (day, event_type) do update set
    users = greatest(daily_counts.users, excluded.users),
    sessions = greatest(daily_counts.sessions, excluded.sessions)

-- name: count_rows
-- Rows of a day, hot and packed.
select count(*)::bigint
from stored_events
where day = %(day)s

-- name: delete_old_samples
-- Of the sampled duplicates the newest are enough.
delete from duplicate_samples
where landed_at < (select landed_at from duplicate_samples order by landed_at desc offset 10000 limit 1)
