-- The first offset of each partition that has not landed. Of a topic that was recreated, or is in another cluster by
-- now, the newest row counts.
select distinct on (part) part, next_offset
from sink_offsets
where sink = 'events' and topic = %(topic)s
order by part, updated_at desc
