-- In front of every query of the history: the events of a period (is_now) and of the one before it (is_before).
with chosen as (
    select
        event_uuid, event_type, page, device, browser, system, user_key, session_key, event_data, occurred_at,
        event_uuid >= id_from(%(since)s) as is_now,
        event_uuid < id_from(%(before_until)s) as is_before
    from events_between(%(before_since)s, %(until)s)
    where (event_uuid >= id_from(%(since)s) or event_uuid < id_from(%(before_until)s))
        and (%(type)s::text is null or event_type = %(type)s)
        and (%(page)s::text is null or page = %(page)s)
        and (%(device)s::text is null or device = %(device)s)
)
