"""The OpenAPI document of the dashboard's JSON, CSV and event stream. Its pages are for people, and not in it."""

from dataclasses import fields

from avro_schemas.live_aggregates import OUTCOMES
from dashboard.access import login_cookie
from dashboard.event_types import openapi as event_types
from dashboard.filters import FILTERS
from dashboard.health.pipeline import StorageHealth
from dashboard.history.measures import EVENTS, MEASURES
from dashboard.history.query import RANGES
from dashboard.history.result import MEANINGS
from dashboard.live.hub import MAX_VIEWERS
from dashboard.render.openapi_parts import (
    INSTANT,
    NO_ACCESS,
    NO_KEYS,
    Json,
    answer,
    error,
    map_of,
    number,
    object_of,
    parameter,
    schema,
    text,
)
from dashboard.render.panel import Panel
from dashboard.render.panels import HISTORY, LIVE
from dashboard.stats_api import openapi as stats_api

PATH = "/dashboard/openapi.json"


def document(session_cookie: str, public_url: str = "") -> Json:
    """The whole document, for a dashboard that reads sessions from this cookie."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "footfall dashboard",
            "version": "1",
            "description": "What happens now, out of Kafka, and what happened, out of Postgres.",
        },
        "servers": [
            {"url": public_url, "description": "This installation."}
            if public_url
            else {"url": "/", "description": "The host that serves this document."}
        ],
        "tags": [
            {"name": "live", "description": "The last 60 minutes."},
            {"name": "history", "description": "Any period within the retention."},
            {"name": "stats", "description": "The history for programs: stable names, units, strict parameters."},
            {"name": "event types", "description": "The catalogue, and what arrived without being in it."},
        ],
        # The empty one: without any of them, this machine itself may have access.
        "security": [{"token": []}, {"loginCookie": []}, {"sessionCookie": []}, {}],
        "paths": {
            "/dashboard/snapshot.json": {"get": _SNAPSHOT},
            "/dashboard/stream": {"get": _STREAM},
            "/dashboard/history.json": {"get": _HISTORY},
            "/dashboard/history/{panel}.csv": {"get": _PANEL},
            **event_types.PATHS,
            **stats_api.PATHS,
        },
        "components": {
            "schemas": _SCHEMAS | event_types.SCHEMAS | stats_api.SCHEMAS,
            "parameters": _PARAMETERS | stats_api.PARAMETERS,
            "responses": _RESPONSES | stats_api.RESPONSES,
            "securitySchemes": _security_schemes(session_cookie),
        },
    }


def _security_schemes(session_cookie: str) -> Json:
    return {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "FOOTFALL_DASHBOARD_TOKEN, the token of a session that has the role, or an API key.",
        },
        "loginCookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": login_cookie.NAME,
            "description": "Set by the login page.",
        },
        "sessionCookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": session_cookie,
            "description": "A session of the application that has the role.",
        },
    }


_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "number"}
_KINDS: dict[str, Json] = {
    **dict.fromkeys(("key", "named", "text", "page", "rating"), _TEXT),
    "count": {"type": "integer"},
    "percent": _NUMBER | {"description": "Per cent."},
    "vital": _NUMBER | {"description": "Milliseconds; of CLS a number without a unit."},
    "shares": {"type": "array", "items": _NUMBER, "description": "Per cent."},
    "time": _TEXT | {"format": "date-time"},
    "reason": _TEXT,
    "duration": {"type": "integer", "description": "Milliseconds."},
}


def _live_row(panel: Panel) -> Json:
    """A row of a panel of the live page or of the pipeline's, by the keys of its columns."""
    named = {"name": text("The name of the row.")} if panel.columns[0].kind == "named" else {}
    columns = {column.key: _KINDS[column.kind] for column in panel.columns}
    return object_of(f"A row of the panel {panel.title}.", named | columns)


def _row(panel: Panel) -> Json:
    """A row of a panel, by the keys of its columns."""
    named = {"name": text("The name of the row.")} if panel.columns[0].kind == "named" else {}
    by_events = {column.key: _KINDS[column.kind] for column in panel.columns}
    by_visits = {"visits": _KINDS["count"], "people": _KINDS["count"]} if panel.visit_expression else {}
    columns = by_events | by_visits
    previous = {
        "type": ["number", "null"],
        "description": "The number of the previous period, if they are compared.",
    }
    # Of visits, or, with filters that visits do not know, of events.
    optional = columns.keys() - {panel.columns[0].key} if by_visits else ()
    shown = named | columns | {"previous": previous}
    return object_of(f"A row of the panel {panel.title}.", shown, (*optional, "previous"))


_COUNTS = map_of({"type": "integer"}, "Counts by name.")
_VALUES: Json = {"type": "array", "items": {"type": ["number", "null"]}}
_STORAGE = tuple(field.name for field in fields(StorageHealth))
_SCHEMAS: Json = {
    "Message": object_of("What is wrong, and what to do.", {"message": {"type": "string"}}),
    "Panels": object_of(
        "The rows of each panel, the most frequent first.",
        {name: {"type": "array", "items": _live_row(panel)} for name, panel in LIVE.items()},
    ),
    "Figures": object_of(
        "The numbers at the top.",
        {
            "people_5": number("About how many people in 5 minutes."),
            "people_30": number("About how many people in 30 minutes."),
            "visits_5": number("Visits with an event in the last 5 minutes."),
            "visits_30": number("Visits with an event in the last 30 minutes."),
            "events_per_second": {"type": "number"},
            "this_minute": number("Events of the current minute."),
            "last_hour": number("Events of the last 60 minutes."),
            "programs_left_out": number("Events of programs in the last 60 minutes that are not counted here."),
            "late": number("Late events of the last 60 minutes."),
            "duplicates": number("Duplicates of the last 60 minutes."),
            "uncertain": number("Events that wait for Postgres to say whether they are new."),
            "rejected": number("Rejected events of the last 60 minutes."),
            "rejected_share": {"type": "number", "description": "Per cent."},
            "newest_event_at": number("Milliseconds since 1970; 0 for none."),
        },
    ),
    "PipelineFacts": object_of(
        "The pipeline's health. Times are milliseconds since 1970, 0 for none.",
        {
            "kafka_error": text("Empty if Kafka answers."),
            "postgres_error": text("Empty if Postgres answers. Otherwise what it says about itself is absent."),
            **{
                field.name: {"type": "integer" if field.type in (int, "int") else "string"}
                for field in fields(StorageHealth)
            },
        },
        optional=_STORAGE,
    ),
    "Snapshot": object_of(
        "Everything the live page shows.",
        {
            "as_of": number("When, in milliseconds since 1970."),
            "connected": {"type": "boolean", "description": "Whether Kafka answers."},
            "total": {**_COUNTS, "description": "Events by type, since the beginning."},
            "outcomes": object_of("Events by outcome.", {name: {"type": "integer"} for name in OUTCOMES}),
            "sampled": {
                "type": "boolean",
                "description": "Whether visits, and people by page and so on, are estimated from a sample.",
            },
            "figures": schema("Figures"),
            "minutes": map_of(_COUNTS, "Events by type, by the minute's start in milliseconds since 1970."),
            "panels": schema("Panels"),
            "not_shown": {**_COUNTS, "description": "Events of a panel under names without a row."},
            "pipeline": schema("PipelineFacts"),
        },
    ),
    "Total": object_of(
        "A number of the period, and of the previous one if they are compared.",
        {"current": _NUMBER, "previous": _NUMBER},
        optional=("previous",),
    ),
    "Condition": object_of(
        "A filter and a value: only events that have it, or, if it is excluded, only those that do not.",
        {"name": {"type": "string", "enum": list(FILTERS)}, "value": _TEXT, "is_excluded": {"type": "boolean"}},
    ),
    "Step": object_of("Events of an hour or a day, by type.", {"start": INSTANT, "counts": _COUNTS}),
    "History": object_of(
        "What happened in a period.",
        {
            "since": INSTANT,
            "until": INSTANT,
            "previous_since": INSTANT,
            "previous_until": INSTANT,
            "filters": {"type": "array", "items": schema("Condition")},
            "program_events_left_out": number("Events of crawlers, scripts and monitors that are not counted."),
            "step": {"type": "string", "enum": ["hour", "day"]},
            "notices": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Parameters that were corrected, and what the numbers lack, as sentences.",
            },
            "totals": object_of(
                "The period in numbers.",
                {name: schema("Total") | {"description": meaning} for name, meaning in MEANINGS.items()},
                optional=("visits", "views_per_visit", "bounce_rate", "median_duration", "conversion"),
            ),
            "steps": {"type": "array", "items": schema("Step")},
            "previous_sums": {
                "type": "array",
                "items": {"type": "integer"},
                "description": "Events of each step of the previous period.",
            },
            "measure": {"type": "string", "enum": list(MEASURES)},
            "values": _VALUES | {"description": "The measure of each step; null where there is none."},
            "previous_values": _VALUES | {"description": "The same of the previous period."},
            "panels": object_of(
                "The rows of each panel: of all, or of the one that `panel` names.",
                {name: {"type": "array", "items": _row(panel)} for name, panel in HISTORY.items()},
                optional=tuple(HISTORY),
            ),
            "read": {
                "type": ["object", "null"],
                "description": "Null if everything was counted from rows of Postgres.",
                "properties": {
                    "columns": number("Days that were read from column files."),
                    "rows": number("Newer or changed rows that were read from Postgres."),
                    "as_of": INSTANT,
                },
                "required": ["columns", "rows", "as_of"],
            },
        },
        optional=("previous_since", "previous_until", "previous_sums", "previous_values"),
    ),
}
_RESPONSES: Json = {
    "LoginRequired": error("A token or a session would grant access."),
    "Disabled": error("Access is disabled by the settings."),
    "NotModified": {"description": "Nothing changed since the answer with this ETag."},
}
_DAY: Json = {"type": "string", "format": "date"}
_PARAMETERS: Json = {
    each["name"]: each
    for each in (
        parameter("range", {"type": "string", "enum": list(RANGES), "default": "24h"}, "The period, until now."),
        parameter("from", _DAY, "The first day, instead of `range`."),
        parameter("to", _DAY, "The last day, included."),
        parameter("step", {"type": "string", "enum": ["hour", "day"]}, "Hours are for up to 14 days."),
        parameter(
            "compare",
            {"type": "string", "enum": ["1", "year", "segment"]},
            "Also the previous period, the same days a year before, or the segment of `against`.",
        ),
        parameter("against", _TEXT, "The filters of the segment to compare with, as the query of an address."),
        parameter(
            "measure",
            {"type": "string", "enum": list(MEASURES), "default": EVENTS},
            "What `values` has of each step.",
        ),
        parameter("programs", {"type": "string", "enum": ["1"]}, "Count crawlers, scripts and monitors too."),
        parameter("goal", _TEXT, "An event type or page: `type:sign_up`, `page:/thanks`. Adds `conversion`."),
        parameter("panel", {"type": "string", "enum": list(HISTORY)}, "Only this panel."),
        parameter("search", _TEXT, "Of the panel, only rows whose name contains this."),
        *(
            parameter(
                name,
                {"type": "array", "items": _TEXT},
                f"Only events {f.description} Repeat it for any of several; `!` in front excludes a value.",
            )
            for name, f in FILTERS.items()
        ),
        parameter("tz", {"type": "string", "default": "UTC"}, "An IANA time zone, as `Europe/Berlin`."),
    )
}
_QUERY: list[Json] = [{"$ref": f"#/components/parameters/{name}"} for name in _PARAMETERS]
_SNAPSHOT: Json = {
    "operationId": "readSnapshot",
    "tags": ["live"],
    "summary": "The numbers of the live page",
    "parameters": [
        {"$ref": "#/components/parameters/programs"},
        parameter(
            "rows",
            {"type": "string", "enum": ["cells"]},
            "For the page itself: rows as its stream has them, lists of cells by their names.",
        ),
        parameter("If-None-Match", _TEXT, "The ETag of an earlier answer.", "header"),
    ],
    "responses": {
        "200": answer("The numbers.", "application/json", schema("Snapshot"), {"ETag": {"schema": _TEXT}}),
        "304": {"$ref": "#/components/responses/NotModified"},
        **NO_ACCESS,
        "503": error(f"{NO_KEYS}."),
    },
}
_STREAM: Json = {
    "operationId": "streamChanges",
    "tags": ["live"],
    "summary": "The numbers as server-sent events",
    "description": "First `snapshot`, then a JSON merge patch in each `patch`, and new events in `feed`. Rows are "
    "lists of cells by their names, in the order of the panel's columns.",
    "parameters": [
        {"$ref": "#/components/parameters/programs"},
        parameter("Last-Event-ID", _TEXT, "Continue after this id.", "header"),
        parameter("since", _TEXT, "The same, where headers cannot be set."),
    ],
    "responses": {
        "200": answer("A stream without an end.", "text/event-stream", _TEXT),
        **NO_ACCESS,
        "503": error(f"All {MAX_VIEWERS} streams are in use, or: {NO_KEYS}."),
    },
}
_UNUSABLE_FILTER = error("A filter contains a character that no event has.")
_HISTORY: Json = {
    "operationId": "readHistory",
    "tags": ["history"],
    "summary": "A period in numbers",
    "description": "A parameter that cannot be used is corrected, and `notices` says so.",
    "parameters": _QUERY,
    "responses": {
        "200": answer("The numbers.", "application/json", schema("History")),
        "400": _UNUSABLE_FILTER,
        **NO_ACCESS,
        "503": error(f"Postgres does not answer or is not configured, or: {NO_KEYS}."),
    },
}
_PANEL: Json = {
    "operationId": "downloadPanel",
    "tags": ["history"],
    "summary": "A panel as CSV",
    "parameters": [
        parameter("panel", {"type": "string", "enum": list(HISTORY)}, "The panel's name.", "path"),
        *_QUERY,
    ],
    "responses": {
        "200": answer("A title line and a line per row.", "text/csv", _TEXT),
        "400": _UNUSABLE_FILTER,
        **NO_ACCESS,
        "404": error("There is no such panel."),
        "503": error(f"Postgres does not answer or is not configured, or: {NO_KEYS}."),
    },
}
