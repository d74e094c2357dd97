"""helm/README.md: every value of the chart, from the comments in its values.yaml and the services' settings."""

import json
from collections.abc import Iterator
from typing import Any

from footfall.generate.chart import settings
from footfall.generate.chart.schema import COMPONENTS
from footfall.generate.chart.values import Value, values
from footfall.generate.regions import Regions
from footfall.generate.tables import default, table

_GENERAL = "General"


def regions() -> Regions:
    """A section per group of values."""
    lines: list[str] = []
    for title, about, rows in _sections():
        lines += [f"## {title}", ""]
        lines += [about, ""] if about else []
        lines += [*table(("value", "default", "meaning"), rows), ""]
        if title in COMPONENTS:
            lines += _settings(title)
    return {"values": lines[:-1]}


def _sections() -> Iterator[tuple[str, str, list[list[str]]]]:
    """Title, introduction and rows of each section: first the top-level values, then one section per group."""
    found = values()
    yield _GENERAL, "", [_row(value) for value in found if len(value.path) == 1 and not value.is_group]
    for group in (value for value in found if len(value.path) == 1 and value.is_group):
        inside = [value for value in found if value.path[0] == group.name and len(value.path) > 1]
        yield group.name, group.about, list(_rows(inside))


def _rows(inside: list[Value]) -> Iterator[list[str]]:
    """A row for each value that an operator sets; one for a whole object that is passed on unchanged."""
    done: list[tuple[str, ...]] = []
    for value in inside:
        if any(value.path[: len(path)] == path for path in done):
            continue
        if value.is_group and not value.about:
            continue
        if value.is_group:
            done.append(value.path)
        yield _row(value)


def _row(value: Value) -> list[str]:
    return [f"`{value.name}`", f"`{_text(value.default)}`", value.about.replace("|", "\\|")]


def _text(default: Any) -> str:
    return json.dumps(default) if not isinstance(default, str) or not default else default


def _settings(component: str) -> list[str]:
    rows = [
        [f"`{key}`", default(declared), declared.metadata["help"]]
        for key, declared in settings.plain(component).items()
    ]
    lines = []
    if rows:
        lines += [f"In `{component}.settings`:", "", *table(("setting", "default", "meaning"), rows), ""]
    if secrets := settings.secret(component):
        keys = [[f"`{key}`", declared.metadata["help"]] for key, declared in secrets.items()]
        lines += [f"In `{component}.secretKeys`:", "", *table(("setting", "meaning"), keys), ""]
    return lines
