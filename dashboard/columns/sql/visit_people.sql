-- People of the names of a ranking. Groups go to disk where memory is short, which `count(distinct)` does not.
select name, count(*)
from (select distinct {column} as name, person from selected where is_current and person is not null) as visited
where name in (select unnest($names))
group by name
