-- Names the snapshot of this transaction.
select pg_current_snapshot()::text
