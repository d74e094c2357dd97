-- name: facts
-- Database, user, version, encoding, the right to create temporary tables, whether this user may create partitions (yes
-- before there are tables), and default partitions.
select
    current_database(),
    current_user,
    current_setting('server_version_num')::integer,
    current_setting('server_encoding'),
    has_database_privilege(current_database(), 'TEMPORARY'),
    coalesce(
        (
            select pg_has_role(relowner, 'usage') and has_schema_privilege(relnamespace, 'CREATE')
            from pg_class
            where oid = to_regclass('raw_events')
        ),
        true
    ),
    (
        select coalesce(array_agg(partition.relname::text order by partition.relname), '{}')
        from pg_partitioned_table as parent
        join pg_class as partition on partition.oid = parent.partdefid
        where parent.partrelid in (to_regclass('raw_events'), to_regclass('packed_events'))
    )
