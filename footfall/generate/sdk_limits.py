"""What the browser SDK cuts, so that the collector accepts it: `browser/src/limits.ts`."""

from dataclasses import fields

from avro_schemas.event_types import event_data_schema
from avro_schemas.schema import event_schema
from avro_schemas.validation.bounds import DEFAULT_MAX_LENGTH
from producer_api.settings import Settings

_FIELDS = {
    "MAX_TITLE": ("page_view", "title"),
    "MAX_NAME": ("button_click", "button"),
    "MAX_MESSAGE": ("error_encountered", "message"),
}
# Pages send little events: a queue of a hundred of this size can be stored.
_MAX_EVENT_BYTES = 8192


def module() -> str:
    """The TypeScript module."""
    limits = {name: _max_length(*field) for name, field in _FIELDS.items()}
    limits |= {
        "MAX_TEXT": DEFAULT_MAX_LENGTH,
        "MAX_EVENT_BYTES": min(_MAX_EVENT_BYTES, _collector_max_event_bytes()),
    }
    lines = [f"export const {name} = {limit};" for name, limit in limits.items()]
    return "\n".join(["// Of texts in characters. Generated from the schemas by `make generate`.", *lines, ""])


def _max_length(event_type: str, field: str) -> int:
    length: int = event_data_schema(event_schema(event_type))["properties"][field]["maxLength"]
    return length


def _collector_max_event_bytes() -> int:
    (default,) = [field.default for field in fields(Settings) if field.name == "max_event_bytes"]
    return int(default)  # type: ignore[arg-type] # a setting with a default
