-- When maintenance last ran, so that someone notices when it does not.
create table maintained (
    only_row boolean primary key default true check (only_row),
    finished_at timestamptz
);
insert into maintained default values;
comment on table maintained is 'When a round of maintenance last came to its end; null before the first.';
