"""The OpenAPI description of the routes that FastAPI does not know, because they are plain ASGI."""

from typing import Any

from avro_schemas.event_types import describe_event_types, event_type_names
from avro_schemas.reasons import REASONS
from producer_api.errors import STATUSES

Json = dict[str, Any]

_EVENT_ID: Json = {
    "type": "string",
    "pattern": "^evt_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$",
    "description": "Idempotency key: evt_ and a UUIDv7, made at most 7 days ago. By default, a new id.",
}
_MOMENT: Json = {"type": "string", "format": "date-time"}
_RECORDED = "At least one event is durable. In response to a list, `results` has the outcome of each."
_WITH_RETRY_AFTER = (200, 429, 503)
_WITH_RATE_LIMIT = (200, 400, 429, 503)
_HEADERS: Json = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "RateLimit": {
        "description": "What is left of the nearest limit.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {"description": "That limit and its window.", "schema": {"type": "string"}},
}


def paths() -> Json:
    """The path items of the collector."""
    return {
        "/api/analytics/collect": {
            "post": _posting("Record events", "Answers once the events are in Kafka, or in the spool on disk.")
        },
        "/api/analytics/validate": {
            "post": _posting(
                "Check events",
                "Answers as collect does. Nothing is recorded, but the events count for the rate limit.",
            )
        },
        "/api/analytics/event-types": {"get": _EVENT_TYPES},
    }


def components() -> Json:
    """The schemas that the paths refer to."""
    return {
        "Event": {"anyOf": [_event(described_type) for described_type in describe_event_types()]},
        "Error": _ERROR,
        "Result": _RESULT,
        "Answer": _ANSWER,
    }


def _event(described_type: Json) -> Json:
    return {
        "type": "object",
        "title": described_type["event_type"],
        "description": described_type["description"],
        "required": ["event_type", "event_data"],
        "additionalProperties": False,
        "properties": {
            "event_type": {"const": described_type["event_type"]},
            "event_data": described_type["schema"],
            "timestamp": _MOMENT | {"description": "When it occurred, in the years 2000 to 2099. If absent, now."},
            "event_id": _EVENT_ID,
        },
        "examples": [described_type["example"]],
    }


def _posting(summary: str, description: str) -> Json:
    event = {"$ref": "#/components/schemas/Event"}
    events = {"type": "array", "items": event, "minItems": 1}
    envelope = {
        "type": "object",
        "required": ["events"],
        "additionalProperties": False,
        "properties": {
            "events": events,
            "sent_at": _MOMENT | {"description": "Now, by the client's clock: shows how far that clock is wrong."},
            "sdk": {"type": "string", "description": "Version of the browser SDK."},
            "dropped": {
                "type": "integer",
                "minimum": 0,
                "maximum": 1_000_000,
                "description": "Events given up since the last request that was answered with 200.",
            },
        },
    }
    examples = {entry["event_type"]: {"value": entry["example"]} for entry in describe_event_types()}
    examples["list"] = {"value": [entry["example"] for entry in describe_event_types()[:2]]}
    content = {"schema": {"anyOf": [event, events, envelope]}, "examples": examples}
    return {
        "summary": summary,
        "description": f"{description} Event types: {', '.join(sorted(event_type_names()))}.",
        "requestBody": {"required": True, "content": {"application/json": content, "text/plain": content}},
        "responses": _responses(),
    }


def _responses() -> Json:
    meanings = {200: _RECORDED, **{status: each.meaning for status, each in STATUSES.items()}}
    return {str(status): _response(status, meaning) for status, meaning in meanings.items()}


def _response(status: int, meaning: str) -> Json:
    with_retry, with_limit = status in _WITH_RETRY_AFTER, status in _WITH_RATE_LIMIT
    named = [name for name in _HEADERS if (with_retry if name == "Retry-After" else with_limit)]
    return {
        "description": meaning,
        "headers": {name: _HEADERS[name] for name in named},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}},
    }


_ERROR: Json = {
    "type": "object",
    "required": ["code", "pointer", "message", "expected", "got", "docs"],
    "properties": {
        "code": {"type": "string", "enum": list(REASONS)},
        "pointer": {"type": "string", "description": "JSON pointer into the event."},
        "message": {"type": "string"},
        "expected": {"type": "string"},
        "got": {"type": "string", "description": "Type and length, never the value."},
        "docs": {"type": "string"},
    },
}
_RESULT: Json = {
    "type": "object",
    "required": ["index", "event_id", "status"],
    "properties": {
        "index": {"type": "integer"},
        "event_id": {"type": ["string", "null"]},
        "status": {"enum": ["accepted", "duplicate", "rejected", "limited", "retry"]},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Error"}},
        "retry_after": {"type": "integer", "description": "Seconds."},
    },
}
_ANSWER: Json = {
    "type": "object",
    "required": ["success", "message"],
    "properties": {
        "success": {"type": "boolean"},
        "message": {"type": "string"},
        "event_id": {"type": ["string", "null"], "description": "Of a single event."},
        "results": {"type": "array", "items": {"$ref": "#/components/schemas/Result"}},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Error"}},
    },
}
_EVENT_TYPES: Json = {
    "summary": "The event types",
    "description": "Every event type, with the JSON Schema of its event_data and an example.",
    "responses": {
        "200": {
            "description": "The catalogue.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["event_types"],
                        "properties": {"event_types": {"type": "array", "items": {"type": "object"}}},
                    }
                }
            },
        }
    },
}
