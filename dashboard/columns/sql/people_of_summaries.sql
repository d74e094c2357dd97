-- The same of summaries: lists of places among the people of a file.
select number, is_current, file, people
from ({lists}) as lists
join (select unnest($numbers) as number, {keys}) as shown using ({columns})
where is_current or {both}
