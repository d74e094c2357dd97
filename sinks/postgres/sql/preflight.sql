-- name: facts
-- One row with the fields of Facts that the catalogue knows. The search path is our schema alone, which may not exist yet.
-- Rights to what does not exist count as given.
with ours as (
    select current_setting('search_path') as name, to_regnamespace(current_setting('search_path')) as oid
), tables as (
    select pg_class.* from pg_class join ours on relnamespace = ours.oid where relkind in ('r', 'p') and not relispartition
), partitions as (
    select partition.relname::text as name, partition.relkind as kind, partition.oid = parents.partdefid as is_default
    from pg_partitioned_table as parents
    join pg_inherits on inhparent = partrelid
    join pg_class as partition on partition.oid = inhrelid
    where partrelid in (to_regclass('raw_events'), to_regclass('packed_events'))
)
select
    current_database() as database,
    current_user as user,
    ours.name as schema,
    current_setting('server_version_num')::integer as version,
    current_setting('server_encoding') as encoding,
    has_database_privilege(current_database(), 'TEMPORARY') as may_create_temporary,
    ours.oid is not null as schema_exists,
    coalesce(has_schema_privilege(ours.oid, 'USAGE'), true) as may_use_schema,
    case
        when ours.oid is null then has_database_privilege(current_database(), 'CREATE')
        else has_schema_privilege(ours.oid, 'CREATE')
            and coalesce((select pg_has_role(relowner, 'USAGE') from tables where relname = 'raw_events'), true)
    end as may_create_tables,
    -- The table of migrations says that the other tables are ours, and its columns say that it is.
    array(
        select relname::text
        from pg_class
        where relnamespace = ours.oid and relkind in ('r', 'p', 'v', 'm', 'f') and relname = any(%(relations)s)
            and (
                select count(*) from pg_attribute
                where attrelid = to_regclass('migrations') and attname in ('name', 'applied_at')
            ) < 2
        order by 1
    ) as foreign_relations,
    array(
        select relname::text
        from tables
        where relname = any(%(relations)s) and not (
            has_table_privilege(oid, 'SELECT') and has_table_privilege(oid, 'INSERT')
            and has_table_privilege(oid, 'UPDATE') and has_table_privilege(oid, 'DELETE')
        )
        order by 1
    ) as not_writable,
    array(select name from partitions where is_default order by 1) as default_partitions,
    array(
        select name from partitions where kind <> 'r'
        union
        select relname::text from pg_class
        where relnamespace = ours.oid and relkind <> 'r' and relname ~ '^(raw|packed)_events_[0-9]{{8}}$'
        order by 1
    ) as foreign_days,
    array(select name from ({keyless}) as partition (name, _has_key) order by 1) as keyless,
    -- As one table they have no key: see the migration that creates them.
    array(
        select distinct pubname::text
        from pg_publication_tables as published
        join pg_publication using (pubname)
        where schemaname = ours.name and tablename = 'raw_events' and (pubupdate or pubdelete)
        order by 1
    ) as published_as_one,
    -- Postgres refuses to update or delete rows that are published without what identifies them.
    array(
        select distinct tablename::text
        from pg_publication_tables as published
        join pg_publication using (pubname)
        join pg_class on relnamespace = ours.oid and relname = tablename
        left join pg_index on indrelid = pg_class.oid and indisprimary
        where schemaname = ours.name and tablename <> 'raw_events'
            and (pubupdate or pubdelete) and relreplident in ('d', 'n') and (
            relreplident = 'n' or indrelid is null or exists (
                select from pg_attribute
                where attrelid = indrelid and attnum = any(indkey) and attname <> all(published.attnames)
            )
        )
        order by 1
    ) as unreplicable
from ours
