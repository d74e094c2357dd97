-- The head of the queries about visits: those that began in the period (is_current) or in the previous one (is_previous).
-- The placeholders become the conditions of the filters and of the goal, out of history/visits.py.
with selected as (
    select
        started_at, person, views, bounced, duration, entry_page, exit_page, entry_route, exit_route, source, channel, utm_campaign, country, device,
        {goal} as is_converted,
        started_at >= %(since)s as is_current,
        started_at < %(previous_until)s as is_previous
    from visits
    where started_at >= %(previous_since)s and started_at < %(until)s
        and (started_at >= %(since)s or started_at < %(previous_until)s)
        and {filters}
)
