"""Every alert fires when it should, stays quiet when it should, and links to its runbook."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from footfall.generate.docs.metrics import FILES
from tests.operations.tools import promtool

ROOT = Path(__file__).parents[2]
CASES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "alert_cases.yaml").read_text())
RULES: dict[str, Any] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
}


def test_the_rules_are_valid() -> None:
    checked = subprocess.run(
        [promtool(), "check", "rules", FILES / "alerts.yaml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_fires_and_stays_quiet_as_its_cases_say(tmp_path: Path) -> None:
    files = []
    for name, cases in CASES.items():
        # promtool evaluates all rules of a file for each case.
        rules = tmp_path / f"{name}.rules.yaml"
        rules.write_text(yaml.safe_dump({"groups": [{"name": name, "rules": [RULES[name]]}]}))
        tests = [_test(name, kind, case) for kind, case in cases.items()]
        files.append(tmp_path / f"{name}.test.yaml")
        files[-1].write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": tests}))
    ran = subprocess.run([promtool(), "test", "rules", *files], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_an_installation_that_is_gone_is_missed_while_another_one_runs(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    gone = {
        "FootfallCollectorDown": "footfall_collector_kafka_available",
        "FootfallStreamDown": "footfall_stream_partitions",
        "FootfallSinkDown": "footfall_sink_ready",
    }
    rules.write_text(yaml.safe_dump({"groups": [{"name": "gone", "rules": [RULES[name] for name in gone]}]}))
    tests = []
    for name, metric in gone.items():
        series = {f'{metric}{{namespace="blog"}}': "1x10", f'{metric}{{namespace="shop"}}': "1x60"}
        tests.append(_test(name, "fires", {"series": series, "at": "45m", "labels": {"namespace": "blog"}}))
        tests.append(_test(name, "quiet", {"series": series, "at": "10m"}))
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": tests}))
    ran = subprocess.run(
        [promtool(), "test", "rules", tmp_path / "test.yaml"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_rule_adds_up_installations() -> None:
    aggregated = re.compile(r"\b(?:sum|max|min|count|avg|quantile|topk)\b(?! by \(namespace)")
    assert [name for name, rule in RULES.items() if aggregated.search(rule["expr"])] == []


def test_the_name_of_an_alert_starts_with_its_component() -> None:
    components = {
        "footfall-collector": "Collector",
        "footfall-stream-app": "Stream",
        "footfall-sinks": "Sink|Postgres",
    }
    groups = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    assert {group["name"] for group in groups} == {*components, "footfall-general"}
    misnamed = [
        rule["alert"]
        for group in groups
        for rule in group["rules"]
        if not re.match(f"Footfall({components.get(group['name'], '')})[A-Z]", rule["alert"])
    ]
    assert misnamed == []


def test_every_alert_has_a_case_that_fires_and_one_that_stays_quiet() -> None:
    assert {name: set(cases) for name, cases in CASES.items()} == {name: {"fires", "quiet"} for name in RULES}


@pytest.mark.parametrize("name", RULES)
def test_every_alert_links_to_its_runbook(name: str) -> None:
    rule = RULES[name]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^### (\w+)$", (ROOT / page).read_text(), re.M)
    assert (anchor, headings.count(name)) == (name.lower(), 1)
    assert rule["labels"]["severity"] in ("critical", "warning")


def test_there_is_a_runbook_for_each_alert_in_the_same_order() -> None:
    assert re.findall(r"^### (\w+)$", (ROOT / "docs/runbooks.md").read_text(), re.M) == list(RULES)


def _test(name: str, kind: str, case: dict[str, Any]) -> dict[str, Any]:
    """A promtool test of one case."""
    expected = []
    if kind == "fires":
        rule = RULES[name]
        annotations = dict(rule["annotations"])
        if "description" in case:
            annotations["description"] = case["description"]
        labels = rule["labels"] | case.get("labels", {})
        expected = [{"exp_labels": labels, "exp_annotations": annotations}]
    return {
        "name": f"{name} {kind}",
        "interval": "1m",
        "input_series": [{"series": name, "values": str(values)} for name, values in case["series"].items()],
        "alert_rule_test": [{"eval_time": case["at"], "alertname": name, "exp_alerts": expected}],
    }
