-- Which visits of an hour changed from one version to the next: column files of the dashboard read these alone, instead
-- of the hour once more. Not noted if very many change at a time.
alter table visit_hours add column version_before bigint not null default 0;
comment on column visit_hours.version_before is 'What version was before the last change; 0 if there was none.';

create table visit_changes (
    id bigint generated always as identity,
    hour timestamptz not null,
    version bigint not null,
    version_before bigint not null,
    changed_at timestamptz not null default clock_timestamp(),
    started_at timestamptz[] not null,
    primary key (hour, version)
);
create index visit_changes_id on visit_changes (hour, id);
comment on table visit_changes is 'Changes of visits, of the last days. Those of an hour follow each other: who has a version of it finds by them what to read again.';
comment on column visit_changes.id is 'Numbers the entries; in an hour in the order of the changes.';
comment on column visit_changes.hour is 'Of the beginning of the visits, in UTC.';
comment on column visit_changes.version is 'What visit_hours had after the change.';
comment on column visit_changes.version_before is 'What visit_hours had before; 0 if there was no visit.';
comment on column visit_changes.changed_at is 'When they changed.';
comment on column visit_changes.started_at is 'When visits began that changed, are new, or are gone.';

create or replace function note_changed_visits() returns trigger language plpgsql set search_path from current as $$
begin
    with hours as (
        select date_trunc('hour', started_at, 'UTC') as hour, array_agg(distinct started_at) as times
        from changed
        where not is_published or tg_op = 'DELETE'
        group by 1
    ), noted as (
        -- In an order, so that two of these never wait for each other.
        insert into visit_hours (hour, version)
        select hour, 1 + floor(random() * 9007199254740000)::bigint from hours order by hour
        on conflict (hour) do update set version = excluded.version, version_before = visit_hours.version
        returning hour, version, version_before
    )
    insert into visit_changes (hour, version, version_before, started_at)
    select hour, version, version_before, times
    from noted
    join hours using (hour)
    where cardinality(times) <= 20000
    order by hour;
    return null;
end $$;
