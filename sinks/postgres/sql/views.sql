-- name: known
-- The marks of the views that were created.
select name from migrations where name like 'view %'

-- name: add
insert into migrations (name) values (%s)

-- name: exists
select to_regclass(%s) is not null

-- name: is_ours
-- Whether any version of a view was created by us.
select exists (select from migrations where starts_with(name, %s))

-- name: column_comments
-- The comments of the view `events`, for the columns that each of our views shares with it.
select attname, col_description(attrelid, attnum)
from pg_attribute
where attrelid = 'events'::regclass and attname = any(%s)
