-- What every column holds, for whoever reads the tables with other tools.
create table if not exists migrations (name text primary key, applied_at timestamptz default now());
comment on table migrations is 'Changes of these tables that were applied.';
comment on column migrations.name is 'The file that holds it, or the view it made.';
comment on column migrations.applied_at is 'When.';

comment on column event_types.id is 'What rows hold instead of the name.';
comment on column event_types.name is 'As the frontend named it.';
comment on column devices.id is 'What rows hold instead of the names.';
comment on column devices.browser is 'Browser family, or unknown.';
comment on column devices.system is 'Operating system family, or unknown.';
comment on column devices.kind is 'desktop, mobile, tablet, bot or unknown.';

comment on column raw_events.occurred_at is 'When it happened, by the client''s clock.';
comment on column raw_events.received_at is 'When the collector received it.';
comment on column raw_events.sent_at is 'When the client sent it, by its clock.';
comment on column raw_events.event_type is 'Number of the type in event_types.';
comment on column raw_events.schema_id is 'The schema that it was written with.';
comment on column raw_events.device is 'Number of the device in devices.';
comment on column raw_events.user_key is 'Keyed hash of the user id; null without a user.';
comment on column raw_events.session_key is 'Keyed hash of the session id; null without a session.';
comment on column raw_events.ip_hash is 'Keyed hash of the address, with a key of the day.';
comment on column raw_events.event_data is 'The type''s own fields, as sent.';

comment on column packed_events.day is 'The UTC day of its event ids.';
comment on column packed_events.id is 'Identifies the block.';
comment on column packed_events.rows is 'Number of events.';
comment on column packed_events.event_ids is 'One element per event, as in all arrays here.';
comment on column packed_events.event_types is 'Numbers of types in event_types.';
comment on column packed_events.schema_ids is 'Ids of the schemas in which they were published.';
comment on column packed_events.devices is 'Numbers of devices in devices.';
comment on column packed_events.time_flags is '0 unknown, 1 ok, 2 past, 3 clamped.';
comment on column packed_events.user_keys is 'Keyed hashes of user ids.';
comment on column packed_events.session_keys is 'Keyed hashes of session ids.';
comment on column packed_events.ip_hashes is 'Keyed hashes of addresses.';
comment on column packed_events.pages is 'Paths of pages; null if event_data holds them.';

comment on column sink_offsets.sink is 'What reads: events.';
comment on column sink_offsets.cluster_id is 'Kafka''s id of the cluster.';
comment on column sink_offsets.topic is 'The topic.';
comment on column sink_offsets.part is 'The partition of the topic.';
comment on column sink_offsets.next_offset is 'The first offset that has not landed.';
comment on column sink_offsets.owner is 'The process that landed last.';
comment on column sink_offsets.updated_at is 'When it did.';

comment on column landed.sink is 'What reads: events.';
comment on column landed.topic is 'The topic.';
comment on column landed.part is 'The partition of the topic.';
comment on column landed.day is 'The UTC day of landing.';
comment on column landed.rows is 'Records that became rows.';
comment on column landed.duplicates is 'Records whose event was there already.';
comment on column landed.dead_letters is 'Records that could not land; fewer when a replay landed some.';

comment on column dead_letters.id is 'Identifies the dead letter.';
comment on column dead_letters.cluster_id is 'Kafka''s id of the cluster that the record was read from.';
comment on column dead_letters.topic is 'Its topic.';
comment on column dead_letters.part is 'Its partition.';
comment on column dead_letters.record_offset is 'Its offset.';
comment on column dead_letters.reason is 'Why it could not land: a code of a closed set.';
comment on column dead_letters.detail is 'Why it could not land, in detail.';
comment on column dead_letters.record_key is 'The key of the record.';
comment on column dead_letters.record_value is 'The value of the record.';
comment on column dead_letters.appended_at is 'When Kafka appended the record.';
comment on column dead_letters.rejected_at is 'When it was first rejected.';

comment on column erasures.id is 'Numbers the requests in order.';
comment on column erasures.user_key is 'Keyed hash of the user id.';
comment on column erasures.requested_at is 'Everything received up to this time is erased.';
comment on column erasures.receipt is 'Identifies the request.';
comment on column erasures.rows_removed is 'Rows that were removed.';
comment on column erasures.dead_letters_removed is 'Dead letters that were removed.';
comment on column erased_rows.day is 'The UTC day of the ids.';
comment on column erased_rows.receipt is 'The erasure.';
comment on column erased_rows.rows is 'Rows that were removed.';

comment on column hourly_deltas.hour is 'The UTC hour of the ids.';
comment on column hourly_deltas.event_type is 'Number of the type in event_types.';
comment on column hourly_deltas.events is 'Rows that landed in a batch.';
comment on column hourly_counts.hour is 'The UTC hour of the ids.';
comment on column hourly_counts.event_type is 'Number of the type in event_types.';
comment on column hourly_counts.events is 'Rows that landed and were folded.';
comment on column daily_counts.day is 'The UTC day of the ids.';

comment on column days.day is 'The UTC day of the ids.';
comment on column days.state is 'closed, audited, differs, packed, detaching, detached or dropped.';
comment on column days.changed_at is 'When the state last changed.';

comment on column stored_events.day is 'The UTC day of the event id.';
comment on column stored_events.event_id is 'UUIDv7.';
comment on column stored_events.occurred_at is 'When it happened, by the client''s clock.';
comment on column stored_events.received_at is 'When the collector received it.';
comment on column stored_events.sent_at is 'When the client sent it, by its clock.';
comment on column stored_events.event_type is 'Number of the type in event_types.';
comment on column stored_events.schema_id is 'The schema that it was written with.';
comment on column stored_events.device is 'Number of the device in devices.';
comment on column stored_events.time_flag is '0 unknown, 1 ok, 2 past, 3 clamped.';
comment on column stored_events.user_key is 'Keyed hash of the user id; null without a user.';
comment on column stored_events.session_key is 'Keyed hash of the session id; null without a session.';
comment on column stored_events.ip_hash is 'Keyed hash of the address, with a key of the day.';
comment on column stored_events.page is 'Path of the page, unless event_data holds it.';
comment on column stored_events.event_data is 'The type''s own fields, as sent.';

comment on column events.event_id is 'As the collector answered it: evt_ and 32 hex digits.';
comment on column events.event_type is 'What happened, as the frontend named it.';
comment on column events.occurred_at is 'When it happened, by the client''s clock.';
comment on column events.received_at is 'When the collector received it.';
comment on column events.sent_at is 'When the client sent it, by its clock.';
comment on column events.time_flag is 'How far to trust occurred_at: ok, past, clamped or unknown.';
comment on column events.user_key is 'Keyed hash of the user id, in hex; null without a user.';
comment on column events.session_key is 'Keyed hash of the session id, in hex; null without a session.';
comment on column events.ip_hash is 'Keyed hash of the address, with a key of the day, in hex.';
comment on column events.browser is 'Browser family, or unknown.';
comment on column events.system is 'Operating system family, or unknown.';
comment on column events.device is 'desktop, mobile, tablet, bot or unknown.';
comment on column events.page is 'Path of the page.';
comment on column events.event_data is 'The type''s own fields, as sent.';
comment on column events.schema_id is 'The schema that it was written with.';
comment on column events.event_uuid is 'The UUIDv7 inside event_id.';
comment on column events.bot is 'Why it looks like a program: crawler, headless, script or missing; null for a person.';
comment on column events.day is 'The UTC day of the time inside the id. A filter on it reads few days.';

comment on column events_hourly.hour is 'The UTC hour of the ids.';
comment on column events_hourly.event_type is 'What happened, as the frontend named it.';
comment on column events_hourly.events is 'Events that landed.';
comment on column events_daily.day is 'The UTC day of the ids.';
comment on column events_daily.event_type is 'What happened, as the frontend named it.';
comment on column events_daily.events is 'Events that landed.';
comment on column events_daily.users is 'Distinct users; null until counted.';
comment on column events_daily.sessions is 'Distinct sessions; null until counted.';
comment on column visitors_daily.day is 'The UTC day of the ids.';
comment on column visitors_daily.events is 'Events that landed.';
comment on column visitors_daily.users is 'Distinct users; null until counted.';
comment on column visitors_daily.sessions is 'Distinct sessions; null until counted.';
