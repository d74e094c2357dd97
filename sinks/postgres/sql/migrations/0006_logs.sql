-- What offsets alone do not say: which log they are of, and that some hold no record.
alter table sink_offsets add column leader_epoch integer not null default -1;
comment on column sink_offsets.leader_epoch is 'Kafka''s leader epoch of the last record that landed: with it, an offset names a record. -1 if it is not known.';

alter table landed add column empty bigint not null default 0;
comment on table landed is 'The ledger: what became of the offsets read, by day of landing. read is the sum of the five counts.';
comment on column landed.empty is 'Offsets without a record: markers of transactions, and what was aborted.';
