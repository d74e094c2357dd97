-- Who holds a partition, which topic it is of, and what an earlier reading of it has accounted for.
alter table sink_offsets add column topic_id uuid;
alter table sink_offsets add column backend_pid integer;
alter table sink_offsets add column backend_start timestamptz;
alter table sink_offsets add column earlier_reads bigint not null default 0;
comment on column sink_offsets.topic_id is 'Kafka''s id of the topic: a topic that was recreated under its name has another.';
comment on column sink_offsets.backend_pid is 'The connection that its owner writes by; a successor ends what is left of it.';
comment on column sink_offsets.backend_start is 'When that connection began, as Postgres uses its number again.';
comment on column sink_offsets.earlier_reads is 'Offsets in the ledger besides those from first_offset to next_offset: read before a replay, or of an earlier topic.';

-- Dead letters with their headers, for events-rejected, and with their attempts.
alter table dead_letters add column headers jsonb not null default '[]';
alter table dead_letters add column sqlstate text;
alter table dead_letters add column attempts integer not null default 1;
alter table dead_letters add column tried_at timestamptz;
alter table dead_letters add column published_at timestamptz;
comment on column dead_letters.headers is 'Headers of the record in their order: name, and value in base64.';
comment on column dead_letters.attempts is 'How often landing it was tried.';
comment on column dead_letters.sqlstate is 'Postgres''s error code, if Postgres rejected the row.';
comment on column dead_letters.tried_at is 'When a replay last tried to land it; null if none has.';
comment on column dead_letters.published_at is 'When it was published to events-rejected; null while it is pending.';
create index dead_letters_unpublished on dead_letters (id) where published_at is null;
