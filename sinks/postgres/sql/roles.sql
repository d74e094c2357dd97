-- Group roles for readers and writers, if this user may create roles. They are named after the schema: members of those
-- of one installation have no rights in another. Roles belong to the whole server, so another database of it may create
-- the same ones at this moment.
do $$
declare
    reader constant text := current_schema || '_reader';
    writer constant text := current_schema || '_writer';
    role text;
begin
    foreach role in array array[reader, writer] loop
        if to_regrole(role) is null then
            begin
                execute format('create role %I nologin', role);
            exception
                when insufficient_privilege then raise notice 'the role % must be created by somebody who may', role;
                when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
    if to_regrole(reader) is not null then
        execute format('grant usage on schema %I to %I', current_schema, reader);
        -- Views read with the rights of their owner, so readers need none to the tables of any day.
        execute (
            select format(
                'grant select on days, landed, sink_offsets, maintained, canaries, event_types, devices, visit_hours, visit_changes, rows_after_hour, %s to %I',
                string_agg(oid::regclass::text, ', ' order by relname), reader
            )
            from pg_class where relnamespace = current_schema::regnamespace and relkind = 'v'
        );
        -- How many, but not of which request.
        execute format('grant select (day, event_type, rows) on erased_rows to %I', reader);
        -- How many and why, but not their contents.
        execute format(
            'grant select (id, topic, part, record_offset, reason, appended_at, rejected_at) on dead_letters to %I',
            reader
        );
    end if;
    if to_regrole(writer) is not null then
        execute format('grant usage on schema %I to %I', current_schema, writer);
        execute format(
            'grant select, insert, update, delete on all tables in schema %I to %I', current_schema, writer
        );
        -- And to the tables of days to come, from which an erasure deletes.
        execute format(
            'alter default privileges in schema %I grant select, insert, update, delete on tables to %I',
            current_schema, writer
        );
    end if;
end
$$;
