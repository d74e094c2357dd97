-- name: sums
-- Not a statement of its own: the sum of ids, and of what sampled rows hold.
coalesce(sum(id_sum_of(event_id)), 0)::numeric, coalesce(sum({content}) filter (where is_sampled(event_id)), 0)::numeric

-- name: add_landed
-- What the rows of a batch add to the sums of a day, in their transaction. Only the sampled ones are read.
insert into landed_sums (day, ids, contents)
select %(day)s, %(ids)s, coalesce(sum({content}), 0)
from raw_events
where day_of(event_id) = %(day)s and event_id = any(%(sampled)s::uuid[])

-- name: take_removed
insert into landed_sums (day, ids, contents) values (%(day)s, -%(ids)s::numeric, -%(contents)s::numeric)

-- name: fold_sums
-- One line per day. One statement, so a reader sees every line once.
with moved as (
    delete from landed_sums returning day, ids, contents
)
insert into landed_sums (day, ids, contents) select day, sum(ids), sum(contents) from moved group by day
