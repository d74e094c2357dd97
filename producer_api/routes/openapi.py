"""The OpenAPI document of the collector, written here, as FastAPI does not know the routes: they are plain ASGI.

Generators of clients read it. So whatever they make a class of is a component with a name, each operation has an
id, and null is one of a value's types, not a schema of its own.
"""

import re
from collections.abc import Iterable
from typing import Any

from avro_schemas.event_types import describe_event_types, event_type_names
from avro_schemas.reasons import REASONS
from producer_api.errors import STATUSES
from producer_api.intake.client_context import MAX_SCREEN_WIDTH, MAX_TEXT_LENGTH
from producer_api.request import REQUEST_HEADERS
from producer_api.senders.claims import MAX_ID_LENGTH

Json = dict[str, Any]


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


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


_SENDER_IDS: Json = {
    name: {
        "type": ["string", "null"],
        "maxLength": MAX_ID_LENGTH,
        "description": f"From backends with a key only: {whom} of this event, over what the headers say.",
    }
    for name, whom in (("user_id", "the user"), ("session_id", "the session"))
}
_PARAMETERS: Json = {
    name: {"name": name, "in": "header", "schema": {"type": "string"}, "description": REQUEST_HEADERS[name]}
    for name in ("Footfall-User", "Footfall-Session")
}


def document(session_cookie: str, public_url: str = "") -> Json:
    """The whole document, for a collector that reads sessions from this cookie."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "footfall collector",
            "version": "1",
            "description": "Records what people do in an application, one event or many per request.",
        },
        "servers": [
            {"url": public_url, "description": "This installation."}
            if public_url
            else {"url": "/", "description": "The host that serves this document."}
        ],
        "tags": [{"name": "events", "description": "Sending events, and what may be sent."}],
        "paths": paths(),
        "components": {
            "schemas": components(),
            "parameters": _PARAMETERS,
            "securitySchemes": _security_schemes(session_cookie),
        },
    }


def paths() -> Json:
    """The path items of the collector."""
    return {
        "/api/analytics/collect": {
            "post": _posting(
                "collectEvents",
                "Record events",
                "Answers once the events are in Kafka, or in the spool on disk.",
            )
        },
        "/api/analytics/validate": {
            "post": _posting(
                "validateEvents",
                "Check events",
                "Answers as collect does. Nothing is recorded, but the events count for the rate limit.",
            )
        },
        "/api/analytics/event-types": {"get": _LIST_EVENT_TYPES},
    }


def components() -> Json:
    """The schemas that the paths refer to."""
    names = component_names(each["event_type"] for each in describe_event_types())
    described = {names[each["event_type"]]: each for each in describe_event_types()}
    references = {event_type: _reference(name) for event_type, name in names.items()}
    mapping = {event_type: each["$ref"] for event_type, each in references.items()}
    return {
        "Event": {
            "description": "One event. Its `event_type` says what `event_data` holds.",
            "oneOf": list(references.values()),
            "discriminator": {"propertyName": "event_type", "mapping": mapping},
        },
        **{name: _event(each, f"{name}Data") for name, each in described.items()},
        **{f"{name}Data": _event_data(each) for name, each in described.items()},
        "Events": {"type": "array", "items": _reference("Event"), "minItems": 1},
        "Envelope": _ENVELOPE,
        "Context": _CONTEXT,
        "Error": _ERROR,
        "Result": _RESULT,
        "Answer": _ANSWER,
        "EventType": _EVENT_TYPE,
        "EventTypes": _EVENT_TYPES,
    }


def component_names(event_types: Iterable[str]) -> dict[str, str]:
    """A name for the class of each event type: `PageViewEvent` for `page_view`. No two are the same."""
    names: dict[str, str] = {}
    for event_type in event_types:
        words = re.findall(r"[A-Za-z0-9]+", event_type)
        name = "".join(word[0].upper() + word[1:] for word in words) or "Custom"
        # Classes that differ in case alone would share a file on some systems.
        same = sum(re.fullmatch(rf"{name}Event\d*", taken, re.IGNORECASE) is not None for taken in names.values())
        names[event_type] = f"{name}Event{same + 1 if same else ''}"
    return names


def _event(described_type: Json, data_name: str) -> Json:
    return {
        "type": "object",
        "description": described_type["description"],
        "required": ["event_type", "event_data"],
        "additionalProperties": False,
        "properties": {
            "event_type": {"type": "string", "const": described_type["event_type"]},
            "event_data": _reference(data_name),
            "timestamp": _MOMENT | {"description": "When it occurred, in the years 2000 to 2099. If absent, now."},
            "event_id": _EVENT_ID,
            "context": _reference("Context"),
            **_SENDER_IDS,
        },
        "examples": [described_type["example"]],
    }


def _event_data(described_type: Json) -> Json:
    # The document as a whole names the dialect; an `$id` inside would be the base of references.
    return {name: value for name, value in described_type["schema"].items() if name not in ("$schema", "$id")}


def _security_schemes(session_cookie: str) -> Json:
    return {
        "sessionCookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": session_cookie,
            "description": "A session of the application: a signed token (JWT).",
        },
        "sessionToken": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The same token, for clients without cookies.",
        },
        "backendKey": {
            "type": "apiKey",
            "in": "header",
            "name": "Footfall-Key",
            "description": REQUEST_HEADERS["Footfall-Key"],
        },
    }


def _posting(operation_id: str, summary: str, description: str) -> Json:
    examples = {entry["event_type"]: {"value": entry["example"]} for entry in describe_event_types()}
    examples["list"] = {"value": [entry["example"] for entry in describe_event_types()[:2]]}
    schema = {"anyOf": [_reference("Event"), _reference("Events"), _reference("Envelope")]}
    content = {"schema": schema, "examples": examples}
    return {
        "operationId": operation_id,
        "tags": ["events"],
        "summary": summary,
        "description": f"{description} Event types: {', '.join(sorted(event_type_names()))}.",
        # The empty one: collectors that accept anonymous visitors need none of them.
        "security": [{"sessionCookie": []}, {"sessionToken": []}, {"backendKey": []}, {}],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _PARAMETERS],
        "requestBody": {"required": True, "content": {"application/json": content, "text/plain": content}},
        "responses": _responses(),
    }


def _responses() -> Json:
    meanings = {200: _RECORDED, **{status: each.meaning for status, each in STATUSES.items()}}
    return {str(status): _response(status, meaning) for status, meaning in meanings.items()}


def _response(status: int, meaning: str) -> Json:
    with_retry, with_limit = status in _WITH_RETRY_AFTER, status in _WITH_RATE_LIMIT
    named = [name for name in _HEADERS if (with_retry if name == "Retry-After" else with_limit)]
    content = {"schema": _reference("Answer")} | ({"examples": _ANSWERS} if status == 200 else {})
    return {
        "description": meaning,
        "headers": {name: _HEADERS[name] for name in named},
        "content": {"application/json": content},
    }


def _context_text(description: str, max_length: int) -> Json:
    return {"type": ["string", "null"], "description": description, "maxLength": max_length}


_CONTEXT: Json = {
    "type": "object",
    "description": "Where events happened. An event's own context comes before that of the envelope, field by"
    " field; what neither says, the collector derives if it can.",
    "additionalProperties": False,
    "properties": {
        "site": _context_text("Which of the sites of this installation; by default, default.", 50),
        "hostname": _context_text("Host of the page. By default that of the page's URL or of the Origin.", 260),
        "route": _context_text("Template of the page's path, such as /products/:id.", MAX_TEXT_LENGTH),
        "referrer": _context_text("Where the visitor came from, unless event_data has a referrer.", 2_000),
        "language": _context_text("BCP 47 tag, such as de or pt-BR. By default that of Accept-Language.", 100),
        "screen_width": {
            "type": ["integer", "null"],
            "description": "Pixels; a class of widths is stored.",
            "minimum": 0,
            "maximum": MAX_SCREEN_WIDTH,
        },
        "release": _context_text("Release of the page or backend that sends.", MAX_TEXT_LENGTH),
    },
}
_ENVELOPE: Json = {
    "type": "object",
    "description": "Events with what the client knows about the request as a whole.",
    "required": ["events"],
    "additionalProperties": False,
    "properties": {
        "events": _reference("Events"),
        "context": _reference("Context"),
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
_HINT: Json = {
    "type": "string",
    "description": "Of an accepted event whose type is not in the catalogue: says so, and what may be meant.",
}
_RESULT: Json = {
    "type": "object",
    "required": ["index", "event_id", "status"],
    "properties": {
        "index": {"type": "integer"},
        "event_id": {"type": ["string", "null"]},
        "status": {"type": "string", "enum": ["accepted", "duplicate", "rejected", "limited", "retry"]},
        "errors": {"type": "array", "items": _reference("Error")},
        "more_errors": {"type": "integer", "description": "How many errors the answer leaves out."},
        "hint": _HINT,
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
        "hint": _HINT,
        "results": {"type": "array", "items": _reference("Result")},
        "errors": {"type": "array", "items": _reference("Error")},
    },
}
_ID = "evt_019a4d6f2b1c7e3fa5b60718293a4b5c"
_ANSWERS: Json = {
    "one event": {"value": {"success": True, "event_id": _ID, "message": "Event recorded successfully"}},
    "list": {
        "value": {
            "success": True,
            "message": "1 of 1 events recorded",
            "results": [{"index": 0, "event_id": _ID, "status": "accepted"}],
        }
    },
}
_EVENT_TYPE: Json = {
    "type": "object",
    "required": ["event_type", "kind", "description", "schema", "example"],
    "properties": {
        "event_type": {"type": "string"},
        "kind": {"type": "string", "enum": ["typed", "custom"]},
        "description": {"type": "string"},
        "schema": {"type": "object", "description": "The JSON Schema (2020-12) of `event_data`."},
        "example": {"type": "object", "description": "An event of this type."},
    },
}
_EVENT_TYPES: Json = {
    "type": "object",
    "required": ["event_types"],
    "properties": {"event_types": {"type": "array", "items": _reference("EventType")}},
}
_LIST_EVENT_TYPES: Json = {
    "operationId": "listEventTypes",
    "tags": ["events"],
    "summary": "The event types",
    "description": "Every event type, with the JSON Schema of its event_data and an example.",
    "responses": {
        "200": {
            "description": "The catalogue.",
            "content": {"application/json": {"schema": _reference("EventTypes")}},
        }
    },
}
