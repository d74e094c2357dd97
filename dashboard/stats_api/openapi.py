"""The OpenAPI description of the Stats API. No I/O."""

from dashboard.filters import FILTERS
from dashboard.history.query import RANGES
from dashboard.render.openapi_parts import (
    INSTANT,
    NO_ACCESS,
    NO_KEYS,
    Json,
    answer,
    map_of,
    number,
    object_of,
    parameter,
    schema,
    text,
)
from dashboard.stats_api import metrics
from dashboard.stats_api.dimensions import DIMENSIONS
from dashboard.stats_api.faults import CODES
from dashboard.stats_api.files import CSV, PARQUET
from dashboard.stats_api.request import COMPARISONS, DEFAULT_LIMIT, FORMATS, MAX_LIMIT, MAX_RANKED, Kind
from dashboard.stats_api.request import PARAMETERS as NAMES
from dashboard.stats_api.routes import PATH

_TEXT: Json = {"type": "string"}
_DAY: Json = {"type": "string", "format": "date"}
_LIST: Json = {"type": "array", "items": _TEXT}
_OR_NULL: Json = {"type": ["string", "null"]}
_INSTANT_OR_NULL: Json = _OR_NULL | {"format": "date-time"}


def _names(names: list[str]) -> Json:
    return {"type": "string", "description": f"Some of {', '.join(names)}, parted by commas."}


_OWN: Json = {
    each["name"]: each
    for each in (
        parameter("range", {"type": "string", "enum": list(RANGES), "default": "24h"}, "The period, until now."),
        parameter("from", _DAY, "The first day, instead of `range`."),
        parameter("to", _DAY, "The last day, included. Without it, the first day alone."),
        parameter("tz", _TEXT | {"default": "UTC"}, "An IANA time zone: of days, and of the times in the answer."),
        parameter("step", {"type": "string", "enum": ["hour", "day"]}, "Hours are for up to 14 days."),
        parameter(
            "compare",
            {"type": "string", "enum": list(COMPARISONS)},
            "Also the period before, or the same days of the week a year before.",
        ),
        parameter("programs", {"type": "string", "enum": ["0", "1"]}, "Count crawlers, scripts and monitors too."),
        parameter("goal", _TEXT, "An event type or page: `type:sign_up`, `page:/thanks`. For `conversion`."),
        parameter(
            "by", _TEXT, f"One of {', '.join(DIMENSIONS)}, or a property of an event type: `feature_used.feature`."
        )
        | {"required": True},
        parameter(
            "format",
            {"type": "string", "enum": list(FORMATS)},
            "Instead of `Accept`. Files have all rows.",
        ),
        parameter("search", _TEXT, "Only rows whose name contains this."),
        parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            "How many rows.",
        ),
        parameter(
            "offset",
            {"type": "integer", "minimum": 0, "maximum": MAX_RANKED},
            "How many rows to pass over: `next_offset`.",
        ),
    )
}
_OWN_NAMES = {name: f"stats_{name}" for name in _OWN}
_TOTALS_METRICS = parameter("metrics", _names(list(metrics.TOTALS)), "Default: people,visits,views.")
_SERIES_METRICS = parameter("metrics", _names(list(metrics.SERIES)), "Default: people,visits,views.")
_IF_NONE_MATCH = {"$ref": "#/components/parameters/if_none_match"}
PARAMETERS: Json = {_OWN_NAMES[name]: described for name, described in _OWN.items()} | {
    "if_none_match": parameter(
        "If-None-Match", _TEXT, "The `ETag` of an answer: a 304 says that it has not changed.", "header"
    )
}


def _parameters(kind: Kind) -> list[Json]:
    """References to what a table takes; filters are those of the history."""
    shared = [name for name in NAMES[kind] if name in _OWN_NAMES or name in FILTERS]
    references = [{"$ref": f"#/components/parameters/{_OWN_NAMES.get(name, name)}"} for name in shared]
    return [*references, _IF_NONE_MATCH]


SCHEMAS: Json = {
    "StatsColumn": object_of(
        "A column of a table.",
        {
            "name": text("The name of its values in the rows."),
            "type": {"type": "string", "enum": ["text", "number", "time"]},
            "unit": text("Of numbers; empty for none."),
            "about": text("What it means."),
        },
    ),
    "StatsTable": object_of(
        "A table of numbers, and what it is an answer to.",
        {
            "since": INSTANT,
            "until": INSTANT,
            "tz": text("The time zone of all times."),
            "previous_since": _INSTANT_OR_NULL,
            "previous_until": _INSTANT_OR_NULL,
            "compare": {"type": ["string", "null"]},
            "step": {"type": ["string", "null"]},
            "by": {"type": ["string", "null"]},
            "goal": {
                "type": ["object", "null"],
                "properties": {"name": _TEXT, "value": _TEXT},
                "required": ["name", "value"],
            },
            "filters": {"type": "array", "items": schema("Condition")},
            "notices": _LIST | {"description": "What to know about the answer, as sentences."},
            "columns": {"type": "array", "items": schema("StatsColumn")},
            "rows": {
                "type": "array",
                "items": map_of({"type": ["string", "number", "null"]}, "A row: a value for each column."),
            },
            "total_rows": number("How many rows there are, on all pages."),
            "next_offset": {"type": ["integer", "null"], "description": "Of the next page; null for none."},
            "is_cut": {"type": "boolean", "description": "Whether there are more names than are ranked."},
            "as_of": INSTANT | {"description": "What had landed by then is counted."},
            "programs": {"type": "boolean", "description": "Whether crawlers, scripts and monitors are counted."},
            "program_events_left_out": number("Events of programs that are not counted."),
        },
    ),
    "StatsFault": object_of(
        "What is wrong with a parameter.",
        {
            "parameter": text("Its name."),
            "code": {
                "type": "string",
                "enum": list(CODES),
                "description": " ".join(f"`{code}`: {meaning}" for code, meaning in CODES.items()),
            },
            "expected": text("What would be right."),
            "got": text("The value; empty for none."),
            "did_you_mean": {"type": ["string", "null"], "description": "A name that is close."},
        },
    ),
    "StatsFaults": object_of(
        "Everything that is wrong with a request.",
        {"message": text("What to do."), "errors": {"type": "array", "items": schema("StatsFault")}},
    ),
    "StatsDescription": object_of(
        "What can be asked.",
        {
            "version": text("Of the API: fields are added within a version, and none is renamed or removed."),
            "retention_days": number("How many days can be asked for."),
            "max_limit": number("The largest `limit`."),
            "max_ranked": number("How many names a breakdown ranks."),
            "metrics": {
                "type": "array",
                "items": object_of(
                    "A metric.",
                    {"name": _TEXT, "unit": _TEXT, "about": _TEXT, "in": _LIST},
                ),
            },
            "dimensions": _LIST,
        },
    ),
}
_TAG: Json = {
    "ETag": {"schema": _TEXT, "description": "Another one if the answer is another one."},
    "Footfall-As-Of": {"schema": INSTANT, "description": "What had landed by then is counted."},
}
RESPONSES: Json = {
    "StatsUnchanged": {"description": "The answer that the client has is still right.", "headers": _TAG},
    "KeyOverLimit": answer(
        "The key is over its limit.",
        "application/json",
        schema("Message"),
        {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}},
    ),
    "UnusableStatsRequest": answer("Parameters cannot be used.", "application/json", schema("StatsFaults")),
    "StatsUnavailable": answer(
        f"Postgres does not answer or is not configured, or the query took too long, or: {NO_KEYS}.",
        "application/json",
        schema("Message"),
        {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}},
    ),
}
_FAILURES: Json = {
    "304": {"$ref": "#/components/responses/StatsUnchanged"},
    "400": {"$ref": "#/components/responses/UnusableStatsRequest"},
    **NO_ACCESS,
    "429": {"$ref": "#/components/responses/KeyOverLimit"},
    "503": {"$ref": "#/components/responses/StatsUnavailable"},
}


_ANSWER = answer("The table.", "application/json", schema("StatsTable"), _TAG)
_ANSWER["content"] |= {CSV: {"schema": _TEXT}, PARQUET: {"schema": _TEXT | {"format": "binary"}}}


def _table(operation: str, summary: str, parameters: list[Json]) -> Json:
    return {
        "operationId": operation,
        "tags": ["stats"],
        "summary": summary,
        "parameters": parameters,
        "responses": {"200": _ANSWER, **_FAILURES},
    }


PATHS: Json = {
    PATH: {
        "get": {
            "operationId": "describeStats",
            "tags": ["stats"],
            "summary": "What can be asked: metrics, dimensions and bounds",
            "parameters": [_IF_NONE_MATCH],
            "responses": {
                "200": answer("The description.", "application/json", schema("StatsDescription")),
                "304": {"description": "The description that the client has is still right."},
                **NO_ACCESS,
                "429": {"$ref": "#/components/responses/KeyOverLimit"},
            },
        }
    },
    f"{PATH}/totals": {
        "get": _table("readTotals", "A period in numbers", [*_parameters("totals"), _TOTALS_METRICS])
    },
    f"{PATH}/series": {
        "get": _table("readSeries", "Metrics by hour or day", [*_parameters("series"), _SERIES_METRICS])
    },
    f"{PATH}/breakdown": {
        "get": _table("readBreakdown", "The values of a dimension, ranked", _parameters("breakdown"))
    },
}
