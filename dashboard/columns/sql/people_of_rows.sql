-- People of the rows of groups, each of which has a number: once for each group and period.
, people as (
    select distinct number, is_current, person
    from selected
    join (select unnest($numbers) as number, {keys}) as shown using ({columns})
    where is_person and person is not null and (is_current or {both})
)
