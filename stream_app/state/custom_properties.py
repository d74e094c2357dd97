"""What the properties of custom events are counted as: by event type, name and value.

Values that are nearly unique would only push each other out of the windows, so they are counted as `*`: decimals,
large numbers, long texts. So is what has no value of its own: null, objects and lists.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from avro_schemas.live_aggregates import OTHER, custom_property

# Of one event; the others are counted as `*`.
MAX_NAMED = 20
MAX_NAME_BYTES, MAX_VALUE_BYTES = 48, 80
# Whole numbers from 0 on.
MAX_NUMBER = 999
# The head of the event has it too, and every page would be a value.
_IN_HEAD = "page"
_TRUTH = {True: "true", False: "false"}
_TAB = "\t"


def named_properties(event_type: str, properties: bytes) -> Sequence[str]:
    """A name for each property of a custom event but its page; `properties` is a JSON object."""
    try:
        found = orjson.loads(properties)
    except orjson.JSONDecodeError:  # only others write this
        return ()
    if found.__class__ is not dict:
        return ()
    found.pop(_IN_HEAD, None)
    names = []
    for name, value in found.items():
        text = _text(value)
        if text is not None and len(name.encode()) <= MAX_NAME_BYTES and _TAB not in name:
            names.append(custom_property(event_type, name, text))
            if len(names) == MAX_NAMED:
                break
    return names + [OTHER] * (len(found) - len(names))


def _text(value: Any) -> str | None:
    """The value as text; None if it is not counted by itself."""
    kind = value.__class__
    if kind is str:
        return value if len(value.encode()) <= MAX_VALUE_BYTES else None
    if kind is bool:
        return _TRUTH[value]
    return str(value) if kind is int and 0 <= value <= MAX_NUMBER else None
