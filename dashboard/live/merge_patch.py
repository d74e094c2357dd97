"""The difference between two snapshots, as a JSON merge patch (RFC 7386). No I/O. static/live.js applies it."""

from typing import Any

Json = dict[str, Any]


def merge_patch(before: Json, after: Json) -> Json:
    """The patch that turns `before` into `after`. Null removes a member, so no object may hold a null."""
    patch: Json = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            if nested := merge_patch(old, value):
                patch[name] = nested
        elif name not in before or old != value:
            patch[name] = value
    return patch
