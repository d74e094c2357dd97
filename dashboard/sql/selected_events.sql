-- The head of most history queries: the events of the period (is_current) and of the previous period (is_previous).
-- The placeholder becomes the condition of the filters, out of filters.py.
with selected as (
    select
        event_uuid, event_type, page, device, bot, browser, system, user_key, visitor_key, session_key, event_data, occurred_at,
        source, channel, utm_campaign, country, site, hostname, release, language, screen,
        event_uuid >= id_from(%(since)s) as is_current,
        event_uuid < id_from(%(previous_until)s) as is_previous
    from events_between(%(previous_since)s, %(until)s)
    where (event_uuid >= id_from(%(since)s) or event_uuid < id_from(%(previous_until)s))
        and {filters}
)
