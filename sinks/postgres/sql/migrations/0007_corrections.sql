-- The sinks judge which records are repeats, and report to the stream app what its counts cannot know.
alter table raw_events add column counted_in smallint;
comment on column raw_events.counted_in is 'The partition in which the stream app counted the record by itself, as it was fresh; null if it was not, or once the row was packed.';

create table counted_copies (
    event_id uuid not null,
    part integer not null,
    primary key (event_id, part)
);
comment on table counted_copies is 'Fresh records without a row of their own that the stream app counted, the first in their partition: so that each is corrected once..';
comment on column counted_copies.event_id is 'The UUIDv7 inside the id of the event.';
comment on column counted_copies.part is 'The partition of the record.';

create table pending_corrections (
    cluster_id text not null,
    topic text not null,
    number bigint not null,
    part integer not null,
    topic_id uuid,
    record_offset bigint not null,
    event_id uuid not null,
    is_row boolean not null,
    reason text not null,
    again boolean not null,
    appended_at timestamptz not null,
    record_key bytea,
    record_value bytea not null,
    primary key (cluster_id, topic, number, part)
);
comment on table pending_corrections is 'The outbox of the topic corrections: deleted once Kafka has acknowledged them.';
comment on column pending_corrections.cluster_id is 'Kafka''s id of the cluster that the record was read from.';
comment on column pending_corrections.topic is 'Its topic.';
comment on column pending_corrections.number is 'Grows with every correction of a partition; near the microseconds since 1970 at which it was made.';
comment on column pending_corrections.part is 'Its partition.';
comment on column pending_corrections.topic_id is 'Kafka''s id of the topic.';
comment on column pending_corrections.record_offset is 'Its offset.';
comment on column pending_corrections.event_id is 'The UUIDv7 inside the id of the event.';
comment on column pending_corrections.is_row is 'Whether the record became a row.';
comment on column pending_corrections.reason is 'Why it did not; empty if it did.';
comment on column pending_corrections.again is 'Whether the record was judged before.';
comment on column pending_corrections.appended_at is 'When Kafka appended the record.';
comment on column pending_corrections.record_key is 'The key of the record.';
comment on column pending_corrections.record_value is 'The value of the record.';

alter table sink_offsets add column judged_to bigint not null default 0, add column last_correction bigint not null default 0;
comment on column sink_offsets.judged_to is 'Records before this offset were judged: when they are read again, only a new row is a correction.';
comment on column sink_offsets.last_correction is 'Number of the newest correction of the partition.';
update sink_offsets set judged_to = next_offset;
