"""Builds the JSON of a Grafana dashboard from rows of panels."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The version of Grafana 11; later ones read it too.
SCHEMA_VERSION = 39
_COLUMNS, _HEIGHT = 24, 8
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
class Row:
    """Panels that belong together, three to a line."""

    title: str
    panels: Sequence[Panel]


def dashboard(uid: str, title: str, description: str, rows: Sequence[Row]) -> str:
    """A dashboard as JSON."""
    panels: list[Json] = []
    top = 0
    for row in rows:
        panels.append(_row(row.title, top, len(panels) + 1))
        width = _COLUMNS // min(3, len(row.panels))
        for number, panel in enumerate(row.panels):
            line, column = divmod(number, _COLUMNS // width)
            place = {"h": _HEIGHT, "w": width, "x": column * width, "y": top + 1 + line * _HEIGHT}
            panels.append(_panel(panel, place, len(panels) + 1))
        top = panels[-1]["gridPos"]["y"] + _HEIGHT
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
        "annotations": {"list": []},
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
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 8, "showPoints": "never"}},
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
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
