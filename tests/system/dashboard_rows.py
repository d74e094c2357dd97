"""What the panels of the dashboard say, as SQL over the raw rows."""

from typing import Any

# Rows of a panel on the live page.
TOP = 8
# Panel -> the query that counts it on the raw rows: name, then the cells that are compared.
PANELS = {
    "event_types": "select event_type, count(*), round(100.0 * count(*) / (select count(*) from events), 1) from events group by 1",
    "pages": "select event_data ->> 'page', count(*) from events where event_type = 'page_view' group by 1",
    "sources": "select case channel when 'direct' then '(direct)' else source end, count(*) from events"
    " where event_type = 'page_view' and channel is not null and (source is not null or channel = 'direct') group by 1",
    "channels": "select channel, count(*) from events where event_type = 'page_view' and channel is not null group by 1",
    "campaigns": "select utm_campaign, count(*) from events where event_type = 'page_view' and utm_campaign is not null"
    " group by 1",
    "releases": "select release, count(*) from events where release is not null group by 1",
    "buttons": "select event_data ->> 'button', count(*) from events where event_type = 'button_click' group by 1",
    "forms": "select event_data ->> 'form', count(*), count(*) filter (where event_data ->> 'success' = 'true'),"
    " round(100.0 * count(*) filter (where event_data ->> 'success' = 'true') / count(*), 1)"
    " from events where event_type = 'form_submit' group by 1",
    "devices": "select device, count(*) from events group by 1",
    "browsers": "select browser, count(*) from events where bot is null group by 1",
    "programs": "select browser, count(*) from events where bot is not null group by 1",
    "systems": "select system, count(*) from events group by 1",
    "custom_events": "select event_type, count(*) from events where event_type in ('scroll', 'click', 'feature_used', 'test_event') group by 1",
}
ERRORS = """
    select page, count(*), extract(epoch from min(occurred_at)) * 1000, extract(epoch from max(occurred_at)) * 1000
    from events where event_type = 'error_encountered' group by page, event_data ->> 'message'
"""
SPEED = """
    select event_data ->> 'metric', percentile_disc(0.75) within group (order by (event_data ->> 'value')::float), count(*)
    from events where event_type = 'web_vital' group by 1
"""


# By the definition of visits, as all of these are of one visit each.
PEOPLE = """
    with own as (
        select user_key, coalesce(visitor_key, case when user_key is null then session_key end) as visitor
        from events where bot is null
    )
    select count(distinct user_key) + count(distinct visitor) filter (
        where user_key is null and visitor not in (select visitor from own where user_key is not null and visitor is not null)
    ) from own
"""
FEATURES = f"""
    select concat(event_type, '.', key, ':', value #>> '{{}}') collate "C" as feature, count(*)
    from events cross join lateral jsonb_each(event_data)
    where event_type not in ('page_view', 'button_click', 'form_submit', 'error_encountered', 'web_vital')
        and key <> 'page' and case jsonb_typeof(value) when 'number' then (value #>> '{{}}')::numeric <= 999 else true end
    group by 1 order by 2 desc, 1 limit {TOP}
"""


def feature_rows(shown: dict[str, Any]) -> dict[str, int]:
    """Events by feature."""
    rows = shown["panels"]["features"].values()
    return {f"{event_type}.{name}:{value}": events for value, event_type, name, events, _people in rows}


def ranked(rows: list[tuple[Any, ...]], max_rows: int) -> dict[str, list[float]]:
    """The most frequent rows first, as the dashboard has them."""
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))[:max_rows]
    return {name: [float(cell) for cell in cells] for name, *cells in ordered}
