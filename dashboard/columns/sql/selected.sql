-- The head of every question: the events of the period (is_current) and of the previous period (is_previous). `ms` is
-- the time inside the id. Placeholders are file names and numbers of ours; text of a request is a parameter.
with raw as (
    select *, is_person or {programs} as is_counted from ({rows}) as stored where {filters}
)
