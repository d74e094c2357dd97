-- The same of summaries, which have no hours that are only partly in a period.
select *, is_person or {programs} as is_counted, ms >= {since} as is_current, ms < {previous_until} as is_previous
from ({rows}) as summed
where ms >= {previous_since} and ms < {until} and (ms >= {since} or ms < {previous_until})
