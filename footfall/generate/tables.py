"""Markdown tables."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from service_kit.settings import Secret, variables


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def settings_rows(cls: type[Any]) -> list[list[str]]:
    """Variable, default and meaning of each setting of a class."""
    return [
        [f"`{name}`", default(declared), declared.metadata["help"]] for name, declared in variables(cls).items()
    ]


def default(declared: "dataclasses.Field[Any]") -> str:
    """The default of a setting, as shown on a page."""
    default = declared.default
    if default is dataclasses.MISSING:
        return "required"
    if default is None or default in ((), ""):
        return ""
    if isinstance(default, Secret):
        return "`…`" if default.reveal() else ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
