"""Umami's statements over the rows of footfall: tables and indexes of its schema, filled from the view `events`.

The statements are those of Umami 3.1.0 for Postgres (https://github.com/umami-software/umami, `src/queries/sql`, with the
filters of `src/lib/prisma.ts`), adapted: psycopg's parameters, one website, UTC, no cohorts. They have this licence:

MIT License

Copyright (c) 2022 Umami Software, Inc. <hello@umami.is>

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

from collections.abc import Iterator
from typing import Any

import psycopg

from dashboard.history.query import Query

WEBSITE = "00000000-0000-4000-8000-000000000001"
_INDEXED = (
    *("created_at", "session_id", "visit_id", "website_id", "website_id, created_at"),
    *(
        f"website_id, created_at, {name}"
        for name in ("url_path", "referrer_domain", "event_name", "tag", "hostname")
    ),
    *("website_id, session_id, created_at", "website_id, visit_id, created_at"),
)
_OF_SESSIONS = ("browser", "os", "device", "screen", "language", "country")
_TABLES = f"""
create schema umami;
create table umami.session (
    session_id uuid primary key, website_id uuid not null, browser text, os text, device text, screen text, language text,
    country text, created_at timestamptz not null
);
create table umami.website_event (
    event_id uuid primary key, website_id uuid not null, session_id uuid not null, visit_id uuid not null,
    created_at timestamptz not null, url_path text not null, referrer_domain text, utm_campaign text, event_type integer not null,
    event_name text, tag text, hostname text, lcp numeric(10, 1), inp numeric(10, 1), cls numeric(10, 4), fcp numeric(10, 1),
    ttfb numeric(10, 1)
);
insert into umami.website_event
select
    event_uuid, '{WEBSITE}', person, md5(person::text || date_trunc('hour', received_at))::uuid, received_at, coalesce(page, ''),
    source, utm_campaign, case event_type when 'page_view' then 1 when 'web_vital' then 5 else 2 end,
    case when event_type not in ('page_view', 'web_vital') then event_type end, release, hostname,
    case metric when 'LCP' then value end, case metric when 'INP' then value end, case metric when 'CLS' then value end,
    case metric when 'FCP' then value end, case metric when 'TTFB' then value end
from (
    select
        *, left(coalesce(user_key, visitor_key, session_key), 32)::uuid as person,
        case when event_type = 'web_vital' then event_data ->> 'metric' end as metric,
        case when event_type = 'web_vital' then (event_data ->> 'value')::numeric end as value
    from events
) as event
where person is not null and bot is null;
insert into umami.session
select distinct on (person) person, '{WEBSITE}', browser, system, device, screen, language, country, received_at
from (select *, left(coalesce(user_key, visitor_key, session_key), 32)::uuid as person from events) as event
where person is not null and bot is null
order by person, event_uuid;
"""
# Which of its columns has what a filter of footfall compares. A channel is not stored.
_FILTERS = {
    "page": "website_event.url_path",
    "device": "session.device",
    "country": "session.country",
    "campaign": "website_event.utm_campaign",
    "release": "website_event.tag",
}
_VIEWS = "website_event.event_type not in (2, 5)"
_STATS = """
select
    cast(coalesce(sum(t.c), 0) as bigint) as "pageviews", count(distinct t.session_id) as "visitors",
    count(distinct t.visit_id) as "visits", coalesce(sum(case when t.c = 1 then 1 else 0 end), 0) as "bounces",
    cast(coalesce(sum(floor(extract(epoch from (t.max_time - t.min_time)))), 0) as bigint) as "totaltime"
from (
    select
        website_event.session_id, website_event.visit_id, count(*) as "c", min(website_event.created_at) as "min_time",
        max(website_event.created_at) as "max_time"
    from website_event {session}
    where {selected} and {views} {filters}
    group by 1, 2
) as t
"""
_DATE = """to_char(date_trunc('{unit}', website_event.created_at), 'YYYY-MM-DD"T"HH24:00:00"Z"')"""
_BY_STEP = "select {date} x, {counted} y from website_event {session} where {selected} and {views} {filters} group by 1 order by 1"
_METRIC = """
select {column} x, count(distinct website_event.session_id) y
from website_event {session} {other}
where {selected} and {views} and {column} != '' {excluded} {filters}
group by 1 order by 2 desc limit 500
"""
_ENTRY = """
join (
    select distinct on (visit_id) visit_id, url_path from website_event
    where {selected} and {views}
    order by visit_id, created_at {order}
) x on x.visit_id = website_event.visit_id
"""
_OWN_DOMAIN = (
    "and website_event.referrer_domain != regexp_replace(website_event.hostname, '^www.', '')"
    " and website_event.referrer_domain != ''"
)
_EVENT_METRIC = """
select event_name x, count(*) as y from website_event {session}
where {selected} and website_event.event_type = 2 {filters}
group by 1 order by 2 desc limit 500
"""
_EVENT_STATS = """
select event_name x, {date} t, count(*) y from website_event {session}
where {selected} and website_event.event_type = 2 {filters}
group by 1, 2 order by 2
"""
_VITALS = """
select
    percentile_cont(0.75) within group (order by lcp) as lcp, percentile_cont(0.75) within group (order by inp) as inp,
    percentile_cont(0.75) within group (order by cls) as cls, percentile_cont(0.75) within group (order by fcp) as fcp,
    percentile_cont(0.75) within group (order by ttfb) as ttfb, count(*) as count
from website_event {session}
where {selected} and website_event.event_type = 5 {filters}
"""
_JOIN = (
    "inner join session on website_event.session_id = session.session_id"
    " and website_event.website_id = session.website_id"
)
_SELECTED = (
    "website_event.website_id = %(website)s::uuid and website_event.created_at between %(start)s and %(end)s"
)


def create(connection: psycopg.Connection) -> None:
    """Fill Umami's tables from the rows that landed."""
    connection.execute(_TABLES.encode())
    for columns in _INDEXED:
        connection.execute(f"create index on umami.website_event ({columns})".encode())
    for name in ("", *(f", {name}" for name in _OF_SESSIONS)):
        connection.execute(f"create index on umami.session (website_id, created_at{name})".encode())
    connection.execute("vacuum (freeze, analyze) umami.website_event, umami.session")


def can_ask(query: Query) -> bool:
    """Whether it stores what the filters compare."""
    return all(each.name in (*_FILTERS, "type") for each in query.filters)


def statements(query: Query) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """What Umami asks for a page of the same figures, chart and panels, with the parameters of each."""
    now = _params(query) | {"start": query.since, "end": query.until}
    before = now | {"start": query.since - (query.until - query.since), "end": query.since}
    for text in (_STATS, *_charts()):
        yield _filled(text, query), now
        if query.compare or text is _STATS:  # its figures are always compared
            yield _filled(text, query), before
    for text in (*_rankings(), _EVENT_METRIC, _EVENT_STATS, _VITALS):
        yield _filled(text, query), now


def _charts() -> tuple[str, str]:
    views = _BY_STEP.replace("{counted}", "count(*)")
    return views, _BY_STEP.replace("{counted}", "count(distinct website_event.session_id)")


def _rankings() -> Iterator[str]:
    for column in ("url_path", "referrer_domain", "hostname", "tag", "utm_campaign"):
        excluded = _OWN_DOMAIN if column == "referrer_domain" else ""
        yield _metric(f"website_event.{column}", excluded=excluded)
    for order in ("asc", "desc"):
        yield _metric("x.url_path", other=_ENTRY.replace("{order}", order))
    for column in _OF_SESSIONS:
        yield _metric("lower(left(language, 2))" if column == "language" else column).replace("{session}", _JOIN)


def _metric(column: str, *, other: str = "", excluded: str = "") -> str:
    return _METRIC.replace("{column}", column).replace("{other}", other).replace("{excluded}", excluded)


def _filled(text: str, query: Query) -> bytes:
    filters = "".join(f" and {_column(each.name)} = any(%({each.name})s)" for each in query.filters)
    parts = {
        "session": _JOIN if "session." in filters else "",
        "filters": filters,
        "views": _VIEWS,
        "selected": _SELECTED,
        "date": _DATE.replace("{unit}", query.step),
    }
    for part, sql in parts.items():
        text = text.replace(f"{{{part}}}", sql)
    return text.encode()


def _column(name: str) -> str:
    return _FILTERS.get(name, "website_event.event_name")


def _params(query: Query) -> dict[str, Any]:
    return {"website": WEBSITE} | {each.name: [each.value] for each in query.filters}
