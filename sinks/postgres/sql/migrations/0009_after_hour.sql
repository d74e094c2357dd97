-- Column files of the dashboard have whole hours. What lands later is read by its ids, instead of the hour once more.
create table rows_after_hour (
    id bigint generated always as identity primary key,
    day date not null,
    landed_at timestamptz not null default clock_timestamp(),
    landed_in xid8 not null default pg_current_xact_id(),
    event_ids uuid[] not null
);
create index rows_after_hour_day on rows_after_hour (day);
alter table rows_after_hour alter event_ids set storage external;
comment on table rows_after_hour is 'Rows that landed when the hour of their ids was over, of the last days: those who copied the hour before lack them. Not all: who has them counts.';
comment on column rows_after_hour.id is 'Numbers the entries.';
comment on column rows_after_hour.day is 'The UTC day of the ids.';
comment on column rows_after_hour.landed_at is 'When they landed.';
comment on column rows_after_hour.landed_in is 'Their transaction: who had a snapshot without it has not seen them.';
comment on column rows_after_hour.event_ids is 'The rows.';
