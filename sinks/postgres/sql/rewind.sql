-- name: find
-- Where each partition of a topic is, in every cluster it was landed from.
select part, next_offset
from sink_offsets
where sink = %(sink)s and topic = %(topic)s
order by part

-- name: move_back
-- Moves one offset back. The comparison with the planned offset lets a batch that commits meanwhile win: then no row
-- is updated. Offsets that will be read a second time are counted in `earlier_reads`, so that the audit still adds up.
update sink_offsets
set next_offset = %(to)s, leader_epoch = -1, earlier_reads = earlier_reads + %(next)s - %(to)s, updated_at = now()
where sink = %(sink)s and topic = %(topic)s and part = %(part)s and next_offset = %(next)s
