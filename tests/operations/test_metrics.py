"""Metrics follow Prometheus' naming rules, are documented, and are used by an alert or a dashboard."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from footfall.generate.docs.metrics import (
    FILES,
    ONLY_BY_HAND,
    Metric,
    alert_expressions,
    metrics,
    panel_expressions,
    panels,
    uses,
)
from footfall.generate.grafana import SCHEMA_VERSION, in_namespace
from footfall.generate.services import METRICS
from tests.operations.tools import promtool

ALL: dict[str, Metric] = {metric.name: metric for module in METRICS.values() for metric in metrics(module)}
OURS = [metric for metric in ALL.values() if not metric.name.startswith("process_")]
SERIES = {name for metric in ALL.values() for name in metric.series}
DASHBOARDS = sorted((FILES / "dashboards").glob("*.json"))
LABELS_FROM_CLOSED_SETS = {
    "sqlstate_class",
    "status",
    "code",
    "reason",
    "result",
    "kind",
    "pattern",
    "field",
    "outcome",
    "partition",
    "topic",
    "dimension",
    "stage",
    "state",
    "file",
}


def test_no_name_is_declared_twice() -> None:
    names = [metric.name for module in METRICS.values() for metric in metrics(module)]
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("metric", OURS, ids=lambda metric: metric.name)
def test_names_follow_prometheus_rules(metric: Metric) -> None:
    assert re.fullmatch(r"footfall_[a-z][a-z_]*", metric.name)
    # Only base units, and none of the suffixes that scraping adds.
    assert not re.search(r"_(ms|millis\w*|minutes|hours|kb|mb|percent|total|count|sum|bucket)$", metric.name)
    if "timestamp" in metric.name:
        assert metric.name.endswith("_timestamp_seconds")
    assert metric.meaning.endswith(".")


@pytest.mark.parametrize("metric", OURS, ids=lambda metric: metric.name)
def test_labels_have_values_from_closed_sets(metric: Metric) -> None:
    assert set(metric.labels) <= LABELS_FROM_CLOSED_SETS | {"version"}


def test_every_metric_is_used_or_says_when_to_look_at_it_by_hand() -> None:
    used = uses()
    unused = {metric.name for metric in ALL.values() if not any(name in used for name in metric.series)}
    assert unused == set(ONLY_BY_HAND)


def test_the_metrics_of_alerts_and_dashboards_exist() -> None:
    assert [name for name in uses() if name not in SERIES] == []


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_has_what_grafana_needs(file: Path) -> None:
    dashboard = json.loads(file.read_text())
    shown = list(panels(dashboard["panels"]))
    assert dashboard["schemaVersion"] == SCHEMA_VERSION
    assert len({panel["id"] for panel in shown}) == len(shown)
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "namespace"}
    graphs = [panel for panel in shown if panel["type"] != "row"]
    assert {target["datasource"]["uid"] for panel in graphs for target in panel["targets"]} == {"${datasource}"}
    assert all('namespace=~"$namespace"' in target["expr"] for panel in graphs for target in panel["targets"])
    assert _overlapping(shown) == []


def test_every_query_is_valid(tmp_path: Path) -> None:
    expressions = [*alert_expressions(), *panel_expressions()]
    rules = [
        {"record": f"query_{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, (_where, expression) in enumerate(expressions)
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    checked = subprocess.run([promtool(), "check", "rules", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_queries_are_restricted_to_the_selected_namespaces() -> None:
    restricted = in_namespace('sum(rate(footfall_sink_rows_total{reason="a"}[5m])) / max(footfall_sink_ready)')
    assert restricted == (
        'sum(rate(footfall_sink_rows_total{namespace=~"$namespace", reason="a"}[5m]))'
        ' / max(footfall_sink_ready{namespace=~"$namespace"})'
    )


def _overlapping(shown: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Pairs of panels that overlap."""

    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        place = panel["gridPos"]
        return {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}

    return [
        (one["id"], other["id"])
        for one in shown
        for other in shown
        if one["id"] < other["id"] and cells(one) & cells(other)
    ]
