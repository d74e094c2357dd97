"""The closed set of reasons for refusing an event.

The same words stand in HTTP answers, in metric labels and in `events-rejected`.
"""

from collections.abc import Mapping
from types import MappingProxyType

REASONS: Mapping[str, str] = MappingProxyType(
    {
        # The request
        "json_invalid": "The body is not valid JSON in UTF-8 (NaN and Infinity are not JSON).",
        "gzip_invalid": "The body says it is gzip and is not.",
        "body_too_large": "The body is larger than the collector takes.",
        "too_many_events": "The list holds more events than the collector takes in one request.",
        "media_type_unsupported": "The content type is neither application/json nor text/plain.",
        "events_missing": "The body is neither an event, nor a list of events, nor an object with `events`.",
        # The event
        "event_not_object": "An event must be a JSON object.",
        "field_missing": "A required field is not there.",
        "field_unknown": "The schema has no such field; typed events take further values in `properties`.",
        "type_mismatch": "The value is of another type than the schema says.",
        "out_of_range": "The number lies outside the range of its type.",
        "not_finite": "The number is not finite.",
        "text_invalid": "The text holds a NUL character or a lone surrogate.",
        "too_long": "The text or list is longer than the schema allows.",
        "too_deep": "The value is nested too deeply.",
        "too_large": "The event is larger than the collector takes.",
        "timestamp_invalid": "The timestamp is not ISO 8601 with an offset or Z.",
        "timestamp_out_of_range": "The timestamp lies outside the years 2000 to 2099.",
        "event_type_unknown": "No event type or custom event has this name.",
        "event_id_invalid": "The id is not `evt_` and the 32 hex digits of a UUIDv7.",
        "event_id_time": "The time inside the id lies more than 7 days back (on the topic 90) or too far ahead.",
        "event_id_conflict": "Another event of the same request has the same id and other content.",
        # The sender
        "session_missing": "No session came with the request.",
        "session_invalid": "The session is not signed by a key the collector knows, or lacks a claim.",
        "session_expired": "The session has expired.",
        "backend_key_invalid": "No backend has this key.",
        "origin_not_allowed": "The request comes from a site that is not on the list of allowed origins.",
        "rate_limited": "More events a minute than a user, a session or an address may send.",
        "body_timeout": "The body did not arrive in time.",
        "unexpected": "The collector broke on this event. The fault is ours, and was logged.",
        "unavailable": "The collector cannot take the event now; wait a little, then send it with the same id.",
        # A record on a topic
        "value_empty": "The record has no value.",
        "prefix_missing": "The value lacks the zero byte and the schema id in front.",
        "schema_unknown": "No schema has the id that the value names.",
        "schema_unexpected": "The schema that the value names does not belong on this topic.",
        "body_undecodable": "The bytes behind the prefix are not a record of the schema they name.",
        "row_rejected": "Postgres refused the row.",
    }
)

# Reasons for records on a topic; they never stand in an answer of the collector.
RECORD_REASONS = (
    "value_empty",
    "prefix_missing",
    "schema_unknown",
    "schema_unexpected",
    "body_undecodable",
    "row_rejected",
)
