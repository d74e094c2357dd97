-- name: create_schema
-- The search path is our schema alone. `if not exists` would ask for the right to create it although it exists.
do $$
begin
    if to_regnamespace(current_setting('search_path')) is null then
        execute format('create schema %I', current_setting('search_path'));
    end if;
end
$$

-- name: create_table
create table if not exists migrations (name text primary key, applied_at timestamptz default now())

-- name: table_exists
select to_regclass('migrations') is not null

-- name: applied
select name from migrations

-- name: add
insert into migrations (name) values (%s)
