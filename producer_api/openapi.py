"""The OpenAPI description of the collect route, which FastAPI cannot see as it is plain ASGI."""

from typing import Any

from avro_schemas import catalogue
from avro_schemas.reasons import REASONS

Json = dict[str, Any]

_EVENT: Json = {
    "type": "object",
    "required": ["event_type", "event_data"],
    "properties": {
        "event_type": {"type": "string"},
        "event_data": {"type": "object"},
        "timestamp": {"type": "string", "format": "date-time", "description": "Absent: now."},
        "event_id": {"type": "string", "pattern": "^evt_[0-9a-f]{32}$", "description": "Idempotency key."},
    },
}
_ERROR: Json = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "enum": list(REASONS)},
        "pointer": {"type": "string", "description": "JSON pointer into the event."},
        "message": {"type": "string"},
        "expected": {"type": "string"},
        "got": {"type": "string"},
        "docs": {"type": "string"},
    },
}
_RESULT: Json = {
    "type": "object",
    "properties": {
        "index": {"type": "integer"},
        "event_id": {"type": ["string", "null"]},
        "status": {"enum": ["accepted", "duplicate", "rejected", "limited", "retry"]},
        "errors": {"type": "array", "items": _ERROR},
        "retry_after": {"type": "integer", "description": "Seconds."},
    },
}
_ANSWER: Json = {
    "type": "object",
    "properties": {
        "success": {"type": "boolean"},
        "message": {"type": "string"},
        "event_id": {"type": ["string", "null"]},
        "results": {"type": "array", "items": _RESULT},
        "errors": {"type": "array", "items": _ERROR},
    },
}
_ANSWERS = {
    "200": "Recorded: Kafka has acknowledged at least one event.",
    "400": "Nothing was taken: the body or the events are not valid.",
    "403": "No valid session, or a page of an origin that may not post.",
    "413": "The body is too large.",
    "415": "The content type is not supported.",
    "429": "Over the limit; see Retry-After.",
    "503": "Kafka does not acknowledge; see Retry-After, and send the same ids again.",
}


def collect_path() -> Json:
    """The path item of `/api/analytics/collect`."""
    events = {"type": "object", "properties": {"events": {"type": "array", "items": _EVENT}}}
    content = {"schema": {"oneOf": [_EVENT, {"type": "array", "items": _EVENT}, events]}}
    example = {"event_type": "test_event", "event_data": {"source": "manual_test"}}
    return {
        "post": {
            "summary": "Record one event or a list of events",
            "description": "Event types: " + ", ".join(sorted(catalogue.event_types())),
            "requestBody": {
                "required": True,
                "content": {"application/json": content | {"example": example}, "text/plain": content},
            },
            "responses": {
                status: {"description": meaning, "content": {"application/json": {"schema": _ANSWER}}}
                for status, meaning in _ANSWERS.items()
            },
        }
    }
