{{ config(materialized="incremental", unique_key="event_id", incremental_strategy="delete+insert", on_schema_change="append_new_columns") }}

select
    event_id, day, occurred_at, received_at, site, route, channel, source, country, device, user_key,
    coalesce(session_key, visitor_key) as visit_key
from ({{ new_events() }}) as event
where event_type = 'page_view' and bot is null
