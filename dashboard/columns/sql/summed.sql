-- The same of summaries, which have no hours that are only partly in a period.
select *, is_person or {programs} as is_counted from ({rows}) as summed
