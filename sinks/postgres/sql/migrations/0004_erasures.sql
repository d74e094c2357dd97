-- What was erased, and what was removed for it.
create table erasures (
    id bigint generated always as identity primary key,
    scope text not null check (scope in ('user', 'visitor', 'session', 'guest')),
    key bytea not null,
    requested_at timestamptz not null,
    receipt text not null unique,
    rows_removed bigint not null default 0,
    dead_letters_removed bigint not null default 0,
    finished_at timestamptz
);
comment on table erasures is 'Requests to erase somebody: what they sent up to requested_at is removed and does not land again.';
comment on column erasures.id is 'Numbers the requests in order.';
comment on column erasures.scope is 'What key is: that of a user, a visitor or a session.';
comment on column erasures.key is 'Keyed hash, 16 bytes; encode(key, ''hex'') is the text of the topics.';
comment on column erasures.requested_at is 'Everything received up to this time is erased.';
comment on column erasures.receipt is 'Identifies the request.';
comment on column erasures.rows_removed is 'Rows that were removed.';
comment on column erasures.dead_letters_removed is 'Dead letters that were removed, by the times that they were read.';
comment on column erasures.finished_at is 'When everything was removed; null until then.';

create table erased_keys (
    id bigint generated always as identity primary key,
    receipt text not null references erasures (receipt),
    scope text not null check (scope in ('user', 'visitor', 'session', 'guest')),
    key bytea not null,
    requested_at timestamptz not null,
    unique (receipt, scope, key)
);
comment on table erased_keys is 'The keys whose events an erasure removes: the one that was asked for, and the visitors and sessions of a user.';
comment on column erased_keys.id is 'Numbers them in order.';
comment on column erased_keys.receipt is 'The erasure.';
comment on column erased_keys.scope is 'user, visitor or session: all events with the key. guest: those of a visitor or session that have no user.';
comment on column erased_keys.key is 'Keyed hash, 16 bytes.';
comment on column erased_keys.requested_at is 'Everything received up to this time is erased.';

create table erased_rows (
    day date not null,
    receipt text not null references erasures (receipt),
    event_type smallint not null,
    rows bigint not null,
    primary key (day, receipt, event_type)
);
comment on table erased_rows is 'Rows that an erasure removed, by day and type, so that the day still adds up.';
comment on column erased_rows.day is 'The UTC day of the ids.';
comment on column erased_rows.receipt is 'The erasure.';
comment on column erased_rows.event_type is 'Number of the type in event_types.';
comment on column erased_rows.rows is 'Rows that were removed.';
