-- The offsets that each day of landing took, so that any range of days can be proved, and a gap has a place.
alter table landed add column read bigint, add column first_offset bigint, add column next_offset bigint;
comment on column landed.read is 'Offsets read; null on days before this was noted.';
comment on column landed.first_offset is 'The smallest of them; null where only dead letters were tried again.';
comment on column landed.next_offset is 'The first after the largest of them.';
-- Old code goes on beside this and notes nothing.
