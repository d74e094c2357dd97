"""What a viewer does with a JSON merge patch (RFC 7386); the page has the same in static/live.js."""

from typing import Any


def patched(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The target after the patch."""
    made = dict(target)
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        elif isinstance(value, dict):
            old = made.get(name)
            made[name] = patched(old if isinstance(old, dict) else {}, value)
        else:
            made[name] = value
    return made
