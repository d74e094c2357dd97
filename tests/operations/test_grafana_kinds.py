"""Dashboards have nothing that Grafana does not know: its own types, read and written, lose no part of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

ROOT = Path(__file__).parents[2]
DASHBOARDS = [*(ROOT / "helm/files/dashboards").glob("*.json"), ROOT / "examples/grafana/dashboard.json"]
# Grafana writes it, for its list of variables, and its types do not have it.
UNTYPED = {"definition"}


def lost(made: Any, returned: Any, place: str = "") -> Iterator[str]:
    """Parts of `made` that `returned` lacks or has in another way."""
    if isinstance(made, dict) and isinstance(returned, dict):
        for name in made.keys() - UNTYPED:
            yield from lost(made[name], returned.get(name), f"{place}/{name}")
    elif isinstance(made, list) and isinstance(returned, list) and len(made) == len(returned):
        for number, (one, other) in enumerate(zip(made, returned, strict=True)):
            yield from lost(one, other, f"{place}/{number}")
    elif made != returned:
        yield place


def read_and_written(dashboard: dict[str, Any]) -> Any:
    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_grafana_knows_every_part_of_a_dashboard(file: Path) -> None:
    dashboard = json.loads(file.read_text())
    assert list(lost(dashboard, read_and_written(dashboard))) == []


def test_a_misspelt_option_is_noticed() -> None:
    dashboard = json.loads(DASHBOARDS[0].read_text())
    panel = next(panel for panel in dashboard["panels"] if panel["type"] == "timeseries")
    panel["options"]["legendd"] = {}
    panel["targets"][0]["expression"] = "1"
    found = {place.rpartition("/")[2] for place in lost(dashboard, read_and_written(dashboard))}
    assert found == {"legendd", "expression"}
