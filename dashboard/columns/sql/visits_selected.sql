-- The head of the questions about visits: those that began in the period (is_current) or in the previous one (is_previous).
with selected as (
    select *, {goal} as is_converted, ms >= {since} as is_current, ms < {previous_until} as is_previous
    from ({rows}) as stored
    where ms >= {previous_since} and ms < {until} and (ms >= {since} or ms < {previous_until}) and {filters}
)
