"""helm/README.md: every value of the chart, from the comments of its values and from the services' settings."""

import json
from collections.abc import Iterator
from typing import Any

from footfall.generate.chart import settings
from footfall.generate.chart.schema import COMPONENTS
from footfall.generate.chart.values import Value, values
from footfall.generate.tables import default, table

_HEAD = """\
# The chart

footfall on Kubernetes 1.30 or newer, with your own Kafka and Postgres. [docs/kubernetes.md](../docs/kubernetes.md) leads from nothing
to the first event, and through upgrades, rollbacks and removal; [UPGRADING.md](UPGRADING.md) tells what a new version asks for.

| values to begin with | |
|---|---|
| [examples/minimal.yaml](examples/minimal.yaml) | your brokers and two Secrets, nothing more |
| [examples/production.yaml](examples/production.yaml) | TLS everywhere, autoscaling, alerts, dashboards |
| [examples/operators.yaml](examples/operators.yaml) | topics and users by Strimzi, Postgres by CloudNativePG |
| [examples/try-out.yaml](examples/try-out.yaml) | a single node, a single broker, as little as possible of everything |

Made from `values.yaml` and the code by `make generate`. Every key is checked: a misspelt one is refused by its name.
"""
_GENERAL = "General"


def page() -> str:
    """The whole page."""
    lines = [_HEAD]
    for title, about, rows in _sections():
        lines += [f"## {title}", ""]
        lines += [about, ""] if about else []
        lines += [*table(("value", "default", "what it does"), rows), ""]
        if title in COMPONENTS:
            lines += _settings(title)
    return "\n".join(lines)


def _sections() -> Iterator[tuple[str, str, list[list[str]]]]:
    """Title, introduction and rows: the single values first, then a section a group."""
    found = values()
    yield _GENERAL, "", [_row(value) for value in found if len(value.path) == 1 and not value.is_group]
    for group in (value for value in found if len(value.path) == 1 and value.is_group):
        inside = [value for value in found if value.path[0] == group.name and len(value.path) > 1]
        yield group.name, group.about, list(_rows(inside))


def _rows(inside: list[Value]) -> Iterator[list[str]]:
    """A row for each value that an operator sets; of objects that are handed on as they are, one for the whole."""
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
        lines += [f"In `{component}.settings`:", "", *table(("setting", "default", "what it does"), rows), ""]
    if secrets := settings.secret(component):
        keys = [[f"`{key}`", declared.metadata["help"]] for key, declared in secrets.items()]
        lines += [f"In `{component}.secretKeys`:", "", *table(("setting", "what it is"), keys), ""]
    return lines
