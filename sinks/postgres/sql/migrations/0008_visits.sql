-- People and visits, derived from rows by sinks/visits: docs/definitions.md says what they are.
create table visit_progress (
    is_only boolean primary key default true check (is_only),
    gap interval,
    oldest timestamptz not null default 'epoch',
    too_old bigint not null default 0,
    flooded bigint not null default 0
);
insert into visit_progress default values;
comment on table visit_progress is 'How visits are derived, and how that goes: one row.';
comment on column visit_progress.is_only is 'Always true.';
comment on column visit_progress.gap is 'So long without an event ends a visit. Null until the sinks set it, and derive what was there before.';
comment on column visit_progress.oldest is 'Events that occurred before are in no visit: their days are dropped.';
comment on column visit_progress.too_old is 'Events that landed after their day was dropped from the visits.';
comment on column visit_progress.flooded is 'Events that are in no visit, as a browser sent more in a day than people do.';

create table visit_queue (
    id bigint generated always as identity primary key,
    added_at timestamptz not null default clock_timestamp(),
    events integer not null,
    event_ids uuid[] not null default '{}',
    removed_ids uuid[] not null default '{}',
    removed_from bytea[] not null default '{}',
    first_id uuid,
    end_id uuid
);
comment on table visit_queue is 'What visits have to be derived for: written in the transaction that changed rows.';
comment on column visit_queue.id is 'Numbers the entries.';
comment on column visit_queue.added_at is 'When it was added.';
comment on column visit_queue.events is 'About how many events it is.';
comment on column visit_queue.event_ids is 'Events that landed.';
comment on column visit_queue.removed_ids is 'Events whose rows were removed.';
comment on column visit_queue.removed_from is 'The browser of each of these: its visitor key, or else its user key, or else its session key.';
comment on column visit_queue.first_id is 'All rows from this id on are to be read again, up to end_id; null if there are none to be.';
comment on column visit_queue.end_id is 'The id after the last of them.';

create type visit_context as (
    site text, hostname text, country text, region text, language text, screen text, release text, device integer
);
create type visit_arrival as (
    channel text, source text, utm_source text, utm_medium text, utm_campaign text, utm_term text, utm_content text
);

create table identities (
    visitor_key bytea not null,
    user_key bytea not null,
    first_at timestamptz not null,
    is_published boolean not null default false,
    primary key (visitor_key, user_key)
);
create index identities_unpublished on identities (visitor_key) where not is_published;
create index identities_user on identities (user_key);
comment on table identities is 'Which visitors (browsers) became which users: facts that events tell which have both keys.';
comment on column identities.visitor_key is 'Keyed hash of the browser''s cookie.';
comment on column identities.user_key is 'Keyed hash of a user who signed in there.';
comment on column identities.first_at is 'When the first event of both occurred.';
comment on column identities.is_published is 'Whether the topic identities has it.';

create table visit_parts (
    browser bytea not null,
    person bytea not null,
    is_user boolean not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    run_started_at timestamptz not null,
    run_ended_at timestamptz not null,
    event_ids uuid[] not null,
    times timestamptz[] not null,
    types smallint[] not null,
    pages text[] not null,
    routes text[] not null,
    signed_in boolean[] not null,
    contexts visit_context[] not null,
    arrivals visit_arrival[] not null,
    outside integer not null,
    is_shared boolean not null,
    -- Indexes hold no column that changes when events are appended: such updates write no index. `started_at` suffices to
    -- find what is around a time, as runs on a browser do not overlap, nor do chains of a person.
    primary key (browser, run_started_at, person, started_at)
) with (fillfactor = 50);
create index visit_parts_person on visit_parts (person, started_at);
-- These do not get smaller.
alter table visit_parts alter event_ids set storage external, alter times set storage external;
alter table visit_queue alter event_ids set storage external;
comment on table visit_parts is 'What a person did on one browser without a gap: what visits are made of, and can be made again of when something late, a link or an erasure touches them.';
comment on column visit_parts.browser is 'The visitor key; of events without one the user key, or else the session key.';
comment on column visit_parts.person is 'The user, or else the visitor, or else the session.';
comment on column visit_parts.is_user is 'Whether the person is a user.';
comment on column visit_parts.started_at is 'Its first event.';
comment on column visit_parts.ended_at is 'Its last event.';
comment on column visit_parts.run_started_at is 'The first event on the browser, by anybody, since a gap.';
comment on column visit_parts.run_ended_at is 'The last event on the browser before a gap.';
comment on column visit_parts.event_ids is 'Its events in order. The arrays have an element per event, in this order.';
comment on column visit_parts.times is 'When they occurred.';
comment on column visit_parts.types is 'Numbers of their types in event_types.';
comment on column visit_parts.pages is 'Paths of the pages viewed; null for events that are not views.';
comment on column visit_parts.routes is 'Their routes; null for pages that have none, and left out after the last.';
comment on column visit_parts.signed_in is 'Whether they have a user key themselves, which is then the person. Events after the last element are like it.';
comment on column visit_parts.contexts is 'Where they happened. Events after the last element are like it.';
comment on column visit_parts.arrivals is 'Where the visitor came from; null for events that are not an arrival from outside, and left out after the last.';
comment on column visit_parts.outside is 'How many arrivals from outside.';
comment on column visit_parts.is_shared is 'Whether several users signed in on the browser between two gaps.';

create table visit_floods (
    browser bytea not null,
    day date not null,
    primary key (browser, day)
);
comment on table visit_floods is 'Browsers that sent more events in a day than people do: these are in no visit.';
comment on column visit_floods.browser is 'As in visit_parts.';
comment on column visit_floods.day is 'The UTC day on which the events occurred.';

create table stored_visits (
    visit_id uuid primary key,
    person bytea not null,
    is_user boolean not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    chain_started_at timestamptz not null,
    chain_ended_at timestamptz not null,
    views integer not null,
    events integer not null,
    interactions integer not null,
    pages text[] not null,
    routes text[] not null,
    types smallint[] not null,
    context visit_context not null,
    arrival visit_arrival,
    is_published boolean not null default false
) with (fillfactor = 50);
create index stored_visits_started on stored_visits (started_at);
create index stored_visits_person on stored_visits (person, chain_started_at);
create index stored_visits_unpublished on stored_visits (started_at) where not is_published;
comment on table stored_visits is 'Visits of people, derived. Read them through the view visits.';
comment on column stored_visits.visit_id is 'The id of its first event.';
comment on column stored_visits.person is 'The user, or else the visitor, or else the session.';
comment on column stored_visits.is_user is 'Whether the person is a user.';
comment on column stored_visits.started_at is 'When its first event occurred.';
comment on column stored_visits.ended_at is 'When its last event occurred.';
comment on column stored_visits.chain_started_at is 'The person''s first event since a gap: an earlier visit''s, if a new source ended that one.';
comment on column stored_visits.chain_ended_at is 'The person''s last event before a gap.';
comment on column stored_visits.views is 'Number of its page views.';
comment on column stored_visits.events is 'Number of its events.';
comment on column stored_visits.interactions is 'Number of its events that are not page_view, web_vital, error_encountered or scroll.';
comment on column stored_visits.pages is 'Paths of the pages viewed, in order.';
comment on column stored_visits.routes is 'Their routes, or of a page without one its path; empty if none has a route.';
comment on column stored_visits.types is 'Numbers of the types of its events, each once.';
comment on column stored_visits.context is 'Where it happened: of its first view, or else of its first event.';
comment on column stored_visits.arrival is 'Where the visitor came from: its first arrival from outside; null if there is none.';
comment on column stored_visits.is_published is 'Whether the topic visits has it as it is.';

create table visit_recounts (
    hour timestamptz primary key,
    counted_at timestamptz not null default now(),
    rows bigint not null,
    misplaced bigint not null,
    without_row bigint not null,
    of_others bigint not null,
    links bigint not null,
    persons bigint not null
);
comment on table visit_recounts is 'What maintenance found when it last recounted the visits of an hour from rows.';
comment on column visit_recounts.hour is 'The hour, by the time inside the ids.';
comment on column visit_recounts.counted_at is 'When it was recounted.';
comment on column visit_recounts.rows is 'Rows of people that were recounted.';
comment on column visit_recounts.misplaced is 'Of these, those in no part or in several.';
comment on column visit_recounts.without_row is 'Events of their parts that have no row.';
comment on column visit_recounts.of_others is 'Rows that are in a part of somebody else than the keys and links tell.';
comment on column visit_recounts.links is 'Visitor and user of one row without a link, or with one that begins later.';
comment on column visit_recounts.persons is 'Persons whose visits have other numbers of events or views than their parts.';

create table visit_tombstones (
    topic text not null,
    key text not null,
    primary key (topic, key)
);
comment on table visit_tombstones is 'What has to be removed from the topics visits and identities.';
comment on column visit_tombstones.topic is 'visits or identities.';
comment on column visit_tombstones.key is 'The key of the record.';

create table visit_hours (
    hour timestamptz primary key,
    version bigint not null
) with (fillfactor = 50);
comment on table visit_hours is 'Which visits changed: column files of the dashboard are compared with it.';
comment on column visit_hours.hour is 'Of the beginning of visits, in UTC.';
comment on column visit_hours.version is 'Another number after each change of one of them, but for whether it is published.';

create function note_changed_visits() returns trigger language plpgsql set search_path from current as $$
begin
    -- In an order, so that two of these never wait for each other.
    insert into visit_hours (hour, version)
    select hour, 1 + floor(random() * 9007199254740000)::bigint
    from (
        select distinct date_trunc('hour', started_at, 'UTC') as hour
        from changed where not is_published or tg_op = 'DELETE'
    ) as hours
    order by hour
    on conflict (hour) do update set version = excluded.version;
    return null;
end $$;
comment on function note_changed_visits is 'Gives the hours of changed visits another version.';
create trigger visits_added after insert on stored_visits
    referencing new table as changed for each statement execute function note_changed_visits();
create trigger visits_changed after update on stored_visits
    referencing new table as changed for each statement execute function note_changed_visits();
create trigger visits_removed after delete on stored_visits
    referencing old table as changed for each statement execute function note_changed_visits();
