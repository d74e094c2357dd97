"""Text of strangers, for a terminal: it must not move the cursor, set the clipboard or reorder a line."""

import re

# C0 and C1 controls, and marks of direction.
_ACTIVE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """The text with active characters written as JSON escapes, so that JSON of one line stays JSON."""
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, text.split("\n")))
