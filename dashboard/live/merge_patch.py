"""What changed between two snapshots, as a JSON merge patch (RFC 7386). Pure."""

from typing import Any

Json = dict[str, Any]


def changes(before: Json, after: Json) -> Json:
    """The patch that makes `after` of `before`. Null says that something is gone, so no object may hold one."""
    patch: Json = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            if nested := changes(old, value):
                patch[name] = nested
        elif name not in before or old != value:
            patch[name] = value
    return patch


def patched(target: Json, patch: Json) -> Json:
    """What a viewer makes of a patch."""
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
