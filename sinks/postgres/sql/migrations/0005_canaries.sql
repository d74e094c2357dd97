-- Events that the sinks send themselves, to time the whole pipeline.
create table canaries (
    event_id uuid primary key,
    sent_at timestamptz not null,
    landed_at timestamptz,
    failure text
);
comment on table canaries is 'Synthetic events that the sinks sent through the collector in the last days, to time them until they land.';
comment on column canaries.event_id is 'The UUIDv7 inside its event_id.';
comment on column canaries.sent_at is 'When it was sent.';
comment on column canaries.landed_at is 'When its row was found; null if that took too long.';
comment on column canaries.failure is 'What went wrong; null if nothing did.';
