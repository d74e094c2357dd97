-- Erased users, and what was removed of them.
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
comment on column erasures.id is 'Numbers the requests in order.';
comment on column erasures.user_key is 'Keyed hash of the user id, 16 bytes; encode(user_key, ''hex'') is the text of the topics.';
comment on column erasures.requested_at is 'Everything received up to this time is erased.';
comment on column erasures.receipt is 'Identifies the request.';
comment on column erasures.rows_removed is 'Rows that were removed.';
comment on column erasures.dead_letters_removed is 'Dead letters that were removed.';
comment on column erasures.finished_at is 'When everything was removed; null until then.';

create table erased_rows (
    day date not null,
    receipt text not null references erasures (receipt),
    rows bigint not null,
    primary key (day, receipt)
);
comment on table erased_rows is 'Rows that an erasure removed, by day, so that the day still adds up.';
comment on column erased_rows.day is 'The UTC day of the ids.';
comment on column erased_rows.receipt is 'The erasure.';
comment on column erased_rows.rows is 'Rows that were removed.';
