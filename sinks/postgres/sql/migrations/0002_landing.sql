-- Where landing is in Kafka, what became of the records it read, and those that could not land.
create table sink_offsets (
    sink text not null,
    cluster_id text not null,
    topic text not null,
    part integer not null,
    topic_id uuid,
    first_offset bigint not null,
    next_offset bigint not null,
    earlier_reads bigint not null default 0,
    owner text not null,
    backend_pid integer,
    backend_start timestamptz,
    updated_at timestamptz not null default now(),
    primary key (sink, cluster_id, topic, part)
);
comment on table sink_offsets is 'How far each partition has landed. An offset moves in the transaction of its rows.';
comment on column sink_offsets.sink is 'What is landed: events.';
comment on column sink_offsets.cluster_id is 'Kafka''s id of the cluster.';
comment on column sink_offsets.topic is 'The topic.';
comment on column sink_offsets.part is 'The partition of the topic.';
comment on column sink_offsets.topic_id is 'Kafka''s id of the topic: a topic that was recreated has the same name and another id.';
comment on column sink_offsets.first_offset is 'Where landing began. The ledger accounts for every offset from here to next_offset.';
comment on column sink_offsets.next_offset is 'The first offset that has not landed.';
comment on column sink_offsets.earlier_reads is 'Offsets in the ledger besides those from first_offset to next_offset: read before a replay, or of an earlier topic.';
comment on column sink_offsets.owner is 'The process that landed or claimed the partition last.';
comment on column sink_offsets.backend_pid is 'Its connection; a successor terminates it.';
comment on column sink_offsets.backend_start is 'When that connection began, as process ids are used again.';
comment on column sink_offsets.updated_at is 'When the offset last moved.';

create table landed (
    sink text not null,
    topic text not null,
    part integer not null,
    day date not null,
    read bigint not null,
    first_offset bigint,
    next_offset bigint,
    rows bigint not null default 0,
    duplicates bigint not null default 0,
    dead_letters bigint not null default 0,
    erased bigint not null default 0,
    primary key (sink, topic, part, day)
);
comment on table landed is 'The ledger: what became of the records read, by day of landing. read is the sum of the four counts.';
comment on column landed.sink is 'What is landed: events.';
comment on column landed.topic is 'The topic.';
comment on column landed.part is 'The partition of the topic.';
comment on column landed.day is 'The UTC day of landing.';
comment on column landed.read is 'Offsets read.';
comment on column landed.first_offset is 'The smallest of them; null if only dead letters were replayed.';
comment on column landed.next_offset is 'The offset after the largest of them; null if only dead letters were replayed.';
comment on column landed.rows is 'Records that became rows.';
comment on column landed.duplicates is 'Records whose event had landed before.';
comment on column landed.dead_letters is 'Records that could not land; fewer after a replay that landed some.';
comment on column landed.erased is 'Records of users who were erased before they landed.';

create table dead_letters (
    id bigint generated always as identity primary key,
    cluster_id text not null,
    topic text not null,
    topic_id uuid,
    part integer not null,
    record_offset bigint not null,
    reads integer not null default 1,
    reason text not null,
    detail text not null,
    sqlstate text,
    record_key bytea,
    record_value bytea,
    headers jsonb not null default '[]',
    appended_at timestamptz not null,
    rejected_at timestamptz not null default now(),
    attempts integer not null default 1,
    tried_at timestamptz,
    published_at timestamptz,
    unique nulls not distinct (cluster_id, topic, topic_id, part, record_offset)
);
create index dead_letters_unpublished on dead_letters (id) where published_at is null;
comment on table dead_letters is 'Records that could not land, byte for byte, with the reason.';
comment on column dead_letters.id is 'Identifies the dead letter.';
comment on column dead_letters.cluster_id is 'Kafka''s id of the cluster that the record was read from.';
comment on column dead_letters.topic is 'Its topic.';
comment on column dead_letters.topic_id is 'Kafka''s id of the topic: a topic that was recreated has the same offsets again.';
comment on column dead_letters.reads is 'How often it was read: more than once after the topic was read again.';
comment on column dead_letters.part is 'Its partition.';
comment on column dead_letters.record_offset is 'Its offset.';
comment on column dead_letters.reason is 'Why it could not land: a code of a closed set.';
comment on column dead_letters.detail is 'Why it could not land, in detail.';
comment on column dead_letters.sqlstate is 'Postgres''s error code, if Postgres rejected the row.';
comment on column dead_letters.record_key is 'The key of the record.';
comment on column dead_letters.record_value is 'The value of the record.';
comment on column dead_letters.headers is 'Headers of the record in their order: name, and value in base64.';
comment on column dead_letters.appended_at is 'When Kafka appended the record.';
comment on column dead_letters.rejected_at is 'When it was first rejected.';
comment on column dead_letters.attempts is 'How often landing it was tried.';
comment on column dead_letters.tried_at is 'When a replay last tried to land it; null if none has.';
comment on column dead_letters.published_at is 'When it was published to events-rejected; null while it is pending.';
