-- Users to forget, and a ledger that explains every offset. Old code goes on beside this: what it leaves out is filled in.
alter table landed add column erased bigint not null default 0;
comment on column landed.erased is 'Records of users who were erased before they landed.';

alter table sink_offsets add column first_offset bigint;
comment on column sink_offsets.first_offset is 'Where landing began; from there to next_offset the ledger accounts for all.';

create table erasures (
    id bigint generated always as identity primary key,
    user_key bytea not null,
    requested_at timestamptz not null,
    receipt text not null unique,
    rows_removed bigint not null default 0,
    dead_letters_removed bigint not null default 0,
    finished_at timestamptz
);
comment on table erasures is 'Users to forget: what they sent up to requested_at is removed, and does not land again.';
comment on column erasures.finished_at is 'When nothing of the user was left; null while the work goes on.';
