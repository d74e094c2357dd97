-- The head of most history queries: the events of the period (is_current) and of the previous period (is_previous).
-- Events of programs count (is_counted) only if the query asks for them.
-- The placeholder becomes the condition of the filters, out of filters.py.
with selected as (
    select
        event_uuid, event_type, page, route, device, bot, browser, system, event_data, occurred_at,
        source, channel, utm_campaign, country, site, hostname, release, language, screen,
        case when bot is null then coalesce(user_key, visitor_key, session_key) end as person,
        bot is null or %(programs)s as is_counted,
        event_uuid >= id_from(%(since)s) as is_current,
        event_uuid < id_from(%(previous_until)s) as is_previous
    from events_between(%(previous_since)s, %(until)s)
    where (event_uuid >= id_from(%(since)s) or event_uuid < id_from(%(previous_until)s))
        and {filters}
)
