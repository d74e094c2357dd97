"""What `--json` prints: JSON Lines, an object for each thing that a command finds."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from footfall.commands.printable import printable

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON: an object in a line, for each result.")]


def print_json(*found: Mapping[str, Any]) -> None:
    """Print these objects."""
    print_json_lines(found)


def print_json_lines(found: Iterable[Mapping[str, Any]]) -> None:
    """Print each object as soon as it is there."""
    for each in found:
        sys.stdout.write(printable(json.dumps(each, ensure_ascii=False)) + "\n")
        sys.stdout.flush()
