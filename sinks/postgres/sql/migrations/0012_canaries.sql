-- Events that we send ourselves to time their way.
create table canaries (
    event_id uuid primary key,
    sent_at timestamptz not null,
    landed_at timestamptz,
    failure text
);
comment on table canaries is 'Events that the sinks sent through the collector to time their way to a row; those of the last days.';
comment on column canaries.event_id is 'The UUIDv7 inside its event_id.';
comment on column canaries.sent_at is 'When it was posted.';
comment on column canaries.landed_at is 'When the row was seen; null where it was not in time.';
comment on column canaries.failure is 'What went wrong; null where nothing did.';
