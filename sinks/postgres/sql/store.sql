-- name: add_deltas
-- What a batch adds to the roll-ups, one line per hour and type. Appended: an upsert into hourly_counts would make every
-- process wait for the others, as all of them land the current hour. Maintenance folds the lines into hourly_counts.
insert into hourly_deltas (hour, event_type, events)
select * from unnest(%(hours)s::timestamptz[], %(types)s::smallint[], %(events)s::bigint[])

-- name: add_to_ledger
-- What became of the records of one range, added to what landed of the partition today. The audit compares the sums with
-- the offsets: each offset read is a row, a duplicate, a dead letter, erased, or holds no record.
insert into landed
    (sink, topic, part, day, read, first_offset, next_offset, rows, duplicates, dead_letters, erased, empty)
values
    (%(sink)s, %(topic)s, %(part)s, current_date, %(read)s, %(first)s, %(next)s,
        %(rows)s, %(duplicates)s, %(dead_letters)s, %(erased)s, %(empty)s)
on conflict (sink, topic, part, day) do update set
    read = landed.read + excluded.read,
    first_offset = least(landed.first_offset, excluded.first_offset),
    next_offset = greatest(landed.next_offset, excluded.next_offset),
    rows = landed.rows + excluded.rows,
    duplicates = landed.duplicates + excluded.duplicates,
    dead_letters = landed.dead_letters + excluded.dead_letters,
    erased = landed.erased + excluded.erased,
    empty = landed.empty + excluded.empty

-- name: sample_duplicates
-- Notes a few events that were counted as duplicates.
insert into duplicate_samples (event_id) select unnest(%(ids)s::uuid[]) on conflict do nothing

-- name: commit_durably
-- A replay reports to a person that it is done, so its commits are on disk before it does.
set synchronous_commit = on
