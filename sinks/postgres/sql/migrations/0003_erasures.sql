-- Erased users, and a ledger that explains every offset. Older code keeps running: the defaults fill in what it omits.
alter table landed add column erased bigint not null default 0;
comment on column landed.erased is 'Records of users who were erased before they landed.';

alter table sink_offsets add column first_offset bigint;
comment on column sink_offsets.first_offset is 'Where landing began. The ledger explains every offset from here to next_offset.';

create table erasures (
    id bigint generated always as identity primary key,
    user_key bytea not null,
    requested_at timestamptz not null,
    receipt text not null unique,
    rows_removed bigint not null default 0,
    dead_letters_removed bigint not null default 0,
    finished_at timestamptz
);
comment on table erasures is 'Erased users: what they sent up to requested_at is removed and does not land again.';
comment on column erasures.finished_at is 'When everything was removed; null until then.';
