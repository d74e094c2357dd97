"""The closed set of reasons for rejecting an event, in HTTP answers, metric labels and `events-rejected`."""

from collections.abc import Mapping
from types import MappingProxyType

CONFLICT = "event_id_conflict"

REASONS: Mapping[str, str] = MappingProxyType(
    {
        # The request
        "json_invalid": "The body, or one event of it, is not valid JSON in UTF-8.",
        "gzip_invalid": "The body is declared as gzip, but is not, or something follows the gzip stream.",
        "body_too_large": "The body is larger than the collector accepts.",
        "too_many_events": "The list holds more events than the collector accepts per request.",
        "media_type_unsupported": "The content type is neither application/json nor text/plain.",
        "events_missing": "The body is neither an event, nor a list of events, nor an object with `events`.",
        # The event
        "event_not_object": "An event must be a JSON object.",
        "field_missing": "A required field is missing.",
        "field_unknown": "The schema has no such field; typed events accept additional values in `properties`.",
        "type_mismatch": "The type of the value is not the one in the schema.",
        "out_of_range": "The number is outside the range of its type.",
        "not_finite": "The number is not finite: NaN, Infinity, or too large for a double.",
        "text_invalid": "The text contains a NUL character or a lone surrogate.",
        "format_invalid": "The text is not in the form that the field demands.",
        "site_unknown": "`FOOTFALL_SITES` does not list this site.",
        "too_long": "The text or list is longer than the schema allows.",
        "too_deep": "The value is nested too deeply.",
        "too_large": "The event is larger than the collector accepts, as JSON or as a record.",
        "topic_limit": "The topic takes no event of this size; its operator can change that.",
        "timestamp_invalid": "The timestamp is not ISO 8601 with an offset or Z.",
        "timestamp_out_of_range": "The timestamp is outside the years 2000 to 2099.",
        "event_type_unknown": "No event type or custom event has this name.",
        "too_many_event_types": "The sender used too many event types that are not in the catalogue.",
        "event_id_invalid": "The id is not `evt_` followed by the 32 hex digits of a UUIDv7.",
        "event_id_time": "The time in the id is more than 7 days ago (90 days on the topic), or too far ahead.",
        CONFLICT: "Another event has the same id, but different content, or on the topic another sender.",
        # The sender
        "session_missing": "The request has no session.",
        "session_invalid": "The session is not signed with a known key, is not valid yet, or lacks a claim.",
        "session_expired": "The session has expired.",
        "backend_key_invalid": "No backend has this key.",
        "origin_not_allowed": "The request comes from a page whose origin is not allowed.",
        "rate_limited": "More events or bytes per minute than a user, a session, an IP or a backend may send.",
        "body_timeout": "The body did not arrive in time.",
        "unexpected": "This is a bug in the collector; your event is fine. The error was logged.",
        "unavailable": "The collector cannot accept events now. Wait, then send them again with the same ids.",
        # A record on a topic
        "value_empty": "The record has no value.",
        "prefix_missing": "The value does not begin with a zero byte and a schema id.",
        "schema_unknown": "No schema has the id that the value begins with.",
        "schema_unexpected": "The schema of the value does not belong on this topic.",
        "body_undecodable": "The bytes after the prefix are not a record of the schema.",
        "record_unreadable": "The name of a header is not UTF-8, or the record was in a damaged batch.",
        "row_rejected": "Postgres rejected the row.",
    }
)

# Reasons for which the sender of a request may not send, or its page may not.
FORBIDDEN_REASONS = (
    "session_missing",
    "session_invalid",
    "session_expired",
    "backend_key_invalid",
    "origin_not_allowed",
)

# Reasons for records on a topic. The collector never answers with one of them.
RECORD_REASONS = (
    "value_empty",
    "prefix_missing",
    "schema_unknown",
    "schema_unexpected",
    "body_undecodable",
    "record_unreadable",
    "row_rejected",
)
