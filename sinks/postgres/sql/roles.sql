-- Group roles for readers and writers, if this user may create roles. Roles belong to the whole server, so another
-- database of it may create the same ones at this moment.
do $$
declare
    role text;
begin
    foreach role in array array['footfall_reader', 'footfall_writer'] loop
        if to_regrole(role) is null then
            begin
                execute format('create role %I nologin', role);
            exception
                when insufficient_privilege then raise notice 'the role % must be created by somebody who may', role;
                when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
    if to_regrole('footfall_reader') is not null then
        execute format('grant usage on schema %I to footfall_reader', current_schema);
        -- Views read with the rights of their owner, so readers need none to the tables of any day.
        execute (
            select 'grant select on days, landed, sink_offsets, maintained, canaries, event_types, devices, '
                || string_agg(oid::regclass::text, ', ' order by relname) || ' to footfall_reader'
            from pg_class where relnamespace = current_schema::regnamespace and relkind = 'v'
        );
        -- How many, but not of which request.
        grant select (day, event_type, rows) on erased_rows to footfall_reader;
        -- How many and why, but not their contents.
        grant select (id, topic, part, record_offset, reason, appended_at, rejected_at) on dead_letters
            to footfall_reader;
    end if;
    if to_regrole('footfall_writer') is not null then
        execute format('grant usage on schema %I to footfall_writer', current_schema);
        execute format(
            'grant select, insert, update, delete on all tables in schema %I to footfall_writer', current_schema
        );
        -- And to the tables of days to come, from which an erasure deletes.
        execute format(
            'alter default privileges in schema %I grant select, insert, update, delete on tables to footfall_writer',
            current_schema
        );
    end if;
end
$$;
