-- name: known
-- The marks of what was created.
select name from migrations where name like 'view %'

-- name: add
insert into migrations (name) values (%s)

-- name: exists
select to_regclass(%s) is not null

-- name: is_ours
-- Whether any version of a view was created by us.
select exists (select from migrations where starts_with(name, %s))
