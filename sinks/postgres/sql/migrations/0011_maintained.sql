-- When maintenance last ran, so that someone notices when it does not.
create table maintained (
    only_row boolean primary key default true check (only_row),
    finished_at timestamptz
);
insert into maintained default values;
comment on table maintained is 'When a round of maintenance last came to its end; null before the first.';
comment on column maintained.only_row is 'Always true: there is one row.';
comment on column maintained.finished_at is 'The end of the last round.';
