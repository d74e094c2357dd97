-- When maintenance last ran, for an alert when it stops.
create table maintained (
    only_row boolean primary key default true check (only_row),
    finished_at timestamptz
);
insert into maintained default values;
comment on table maintained is 'When the last round of maintenance ended.';
comment on column maintained.only_row is 'Always true, so there is only one row.';
comment on column maintained.finished_at is 'When the last round ended; null before the first.';
