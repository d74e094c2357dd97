"""Builds the JSON of a Grafana dashboard from rows of panels."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The version of Grafana 11; later ones read it too.
SCHEMA_VERSION = 39
_COLUMNS = 24
# When something runs in a version that did not run five minutes before.
_NEW_VERSION = "count by (version) (footfall_build_info) unless count by (version) (footfall_build_info offset 5m)"
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph. `queries` maps legends to expressions, which are restricted to the selected namespaces."""

    title: str
    queries: Mapping[str, str]
    unit: str = "short"
    description: str = ""


@dataclass(frozen=True, slots=True)
class Now(Panel):
    """The value at the moment, on a color: yellow from the first threshold on, red from the second."""

    thresholds: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: Sequence[Panel]
    per_line: int = 3
    height: int = 8


def dashboard(uid: str, title: str, description: str, rows: Sequence[Row]) -> str:
    """A dashboard as JSON."""
    panels: list[Json] = []
    top = 0
    for row in rows:
        panels.append(_row(row.title, top, len(panels) + 1))
        width = _COLUMNS // min(row.per_line, len(row.panels))
        for number, panel in enumerate(row.panels):
            line, column = divmod(number, _COLUMNS // width)
            place = {"h": row.height, "w": width, "x": column * width, "y": top + 1 + line * row.height}
            drawn = _number(panel) if isinstance(panel, Now) else _graph(panel)
            panels.append(_panel(panel, place, len(panels) + 1) | drawn)
        top = panels[-1]["gridPos"]["y"] + row.height
    board = {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["footfall"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "",
        "templating": {"list": _variables()},
        "annotations": {
            "list": [
                {
                    "name": "New version",
                    "datasource": _DATASOURCE,
                    "enable": True,
                    "iconColor": "blue",
                    "expr": in_namespace(_NEW_VERSION),
                }
            ]
        },
        "links": [
            {"type": "dashboards", "title": "footfall", "tags": ["footfall"], "asDropdown": True, "keepTime": True}
        ],
        "panels": panels,
    }
    return json.dumps(board, indent=2, ensure_ascii=False) + "\n"


def _row(title: str, top: int, number: int) -> Json:
    place = {"h": 1, "w": _COLUMNS, "x": 0, "y": top}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(panel: Panel, place: Json, number: int) -> Json:
    return {
        "id": number,
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "gridPos": place,
        "targets": [
            {
                "refId": chr(ord("A") + position),
                "datasource": _DATASOURCE,
                "expr": in_namespace(expression),
                "legendFormat": legend,
                "range": True,
            }
            for position, (legend, expression) in enumerate(panel.queries.items())
        ],
    }


def _graph(panel: Panel) -> Json:
    defaults = {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 8, "showPoints": "never"}}
    return {
        "type": "timeseries",
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _number(panel: Now) -> Json:
    steps: list[Json] = [{"color": "green" if panel.thresholds else "text", "value": None}]
    steps += [
        {"color": color, "value": value}
        for color, value in zip(("yellow", "red"), panel.thresholds or (), strict=False)
    ]
    return {
        "type": "stat",
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "background",
            "graphMode": "area",
        },
    }


def in_namespace(expression: str) -> str:
    """Restrict every metric of the expression to the namespaces selected at the top of the page."""

    def restrict(found: "re.Match[str]") -> str:
        labels = found.group(2)
        rest = f", {labels}" if labels else ""
        return f'{found.group(1)}{{namespace=~"$namespace"{rest}}}'

    return re.sub(r"\b((?:footfall|process)_\w+)(?:\{([^}]*)\})?", restrict, expression)


def _variables() -> list[Json]:
    namespaces = "label_values(footfall_build_info, namespace)"
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0},
        {
            "name": "namespace",
            "label": "Namespace",
            "type": "query",
            "datasource": _DATASOURCE,
            "definition": namespaces,
            "query": {"query": namespaces, "refId": "namespace"},
            "refresh": 2,
            "includeAll": True,
            "multi": True,
            # Outside Kubernetes metrics have no label `namespace`.
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
        },
    ]
