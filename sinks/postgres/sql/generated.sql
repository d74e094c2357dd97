-- name: columns
-- The columns that a view has already, in their order.
select attname
from pg_attribute
where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
order by attnum
