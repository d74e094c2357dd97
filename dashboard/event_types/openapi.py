"""The OpenAPI description of the event types. No I/O."""

from dashboard.render.openapi_parts import (
    INSTANT,
    NO_ACCESS,
    NO_KEYS,
    Json,
    answer,
    error,
    number,
    object_of,
    schema,
    text,
)

SCHEMAS: Json = {
    "ProposedProperty": object_of(
        "A property of the newest events.",
        {
            "name": text("Its name."),
            "types": {"type": "array", "items": {"type": "string"}, "description": "JSON types, frequent first."},
            "share": {"type": "number", "description": "Of the events that have it, 0 to 1."},
        },
    ),
    "StoredEvent": object_of(
        "An event as it is stored.",
        {
            "event_id": text("Its id."),
            "received_at": INSTANT,
            "page": {"type": ["string", "null"]},
            "event_data": {"type": "object"},
        },
    ),
    "ProposedEventType": object_of(
        "An event type that arrived and is not in the catalogue.",
        {
            "event_type": text("Its name."),
            "events": number("Its events within the retention."),
            "first_hour": INSTANT,
            "last_hour": INSTANT,
            "properties": {"type": "array", "items": schema("ProposedProperty")},
            "example": schema("StoredEvent"),
            "did_you_mean": {"type": ["string", "null"], "description": "A type of the catalogue."},
            "can_be_accepted": {"type": "boolean", "description": "Whether the catalogue can have the name."},
        },
        optional=("example",),
    ),
    "CatalogueEntry": object_of(
        "An event type of the catalogue.",
        {"event_type": text("Its name."), "meaning": text("Its meaning.")},
    ),
    "EventTypes": object_of(
        "The event types.",
        {
            "catalogue": {"type": "array", "items": schema("CatalogueEntry")},
            "proposed": {"type": "array", "items": schema("ProposedEventType")},
            "is_cut": {"type": "boolean", "description": "Whether there are more proposed ones."},
            "other_events": number("Events of names that Postgres does not know, because they were too many."),
        },
    ),
    "Accept": object_of(
        "An event type to accept.",
        {"event_type": text("Its name."), "about": text("A sentence: what such an event means.")},
        optional=("about",),
    ),
    "Accepted": object_of(
        "It is in the catalogue.",
        {
            "event_type": text("Its name."),
            "is_new": {"type": "boolean", "description": "Whether it was added now."},
        },
    ),
}
_EVENT_TYPES: Json = {
    "operationId": "readEventTypes",
    "tags": ["event types"],
    "summary": "The catalogue and proposed event types",
    "responses": {
        "200": answer("The event types.", "application/json", schema("EventTypes")),
        **NO_ACCESS,
        "503": error(f"Postgres does not answer or is not configured, or: {NO_KEYS}."),
    },
}
_ACCEPT: Json = {
    "operationId": "acceptEventType",
    "tags": ["event types"],
    "summary": "Put an event type into the catalogue",
    "description": "For sessions with the role of FOOTFALL_DASHBOARD_EDITOR_ROLE.",
    "requestBody": {"required": True, "content": {"application/json": {"schema": schema("Accept")}}},
    "responses": {
        "200": answer("It is in the catalogue.", "application/json", schema("Accepted")),
        "400": error("The body says nothing."),
        **NO_ACCESS,
        "403": error("Access is disabled, or this session may not edit, or another site's page asked for it."),
        "409": error("The line was not written: why, and the line to add by hand."),
        "503": error(f"{NO_KEYS}."),
    },
}
PATHS: Json = {
    "/dashboard/event-types.json": {"get": _EVENT_TYPES},
    "/dashboard/event-types/accept": {"post": _ACCEPT},
}
