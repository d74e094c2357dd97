-- The head of the questions about visits: those that began in the period (is_current) or in the previous one (is_previous).
with selected as (
    select *, {goal} as is_converted from ({rows}) as stored where {filters}
)
