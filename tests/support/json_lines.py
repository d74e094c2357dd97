"""JSON Lines, as commands print them."""

import json
from typing import Any


def json_lines(text: str) -> list[Any]:
    """The value of each line."""
    return [json.loads(line) for line in text.splitlines()]
