"""The checks of the chart notice a broken chart: each of these changes makes at least one of them fail."""

import shutil
from pathlib import Path

import pytest

from tests.helm.chart import CHART, VERSIONS, example, objects
from tests.helm.checks import faults
from tests.helm.schemas import schema_fault

# File, text, replacement.
MUTATIONS = {
    "a probe with the wrong path": (
        "templates/_pod.tpl",
        '"livenessProbe" "/healthz"',
        '"livenessProbe" "/readyz"',
    ),
    "a missing probe": ("templates/_pod.tpl", '"readinessProbe" "/readyz" ', ""),
    "a writable root file system": (
        "values.yaml",
        "readOnlyRootFilesystem: true",
        "readOnlyRootFilesystem: false",
    ),
    "capabilities are not dropped": ("values.yaml", "drop: [ALL]", "drop: [NET_RAW]"),
    "any user": ("values.yaml", "runAsNonRoot: true", "runAsNonRoot: false"),
    "no seccomp profile": ("values.yaml", "type: RuntimeDefault", "type: Unconfined"),
    "privileges": ("values.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
    "a mounted token": (
        "templates/_pod.tpl",
        "automountServiceAccountToken: false",
        "automountServiceAccountToken: true",
    ),
    "a selector that does not select its own pods": (
        "templates/collector/workload.yaml",
        "matchLabels:\n      {{- include",
        "matchLabels:\n      app: x\n      {{- include",
    ),
    "a version in a claim": (
        "templates/collector/workload.yaml",
        '{{- include "footfall.selectorLabels" $component | nindent 10 }}',
        '{{- include "footfall.labels" $component | nindent 10 }}',
    ),
    "ordered pods": ("templates/stream-app/statefulset.yaml", "Parallel", "OrderedReady"),
    "replicas set although there is an autoscaler": (
        "templates/collector/workload.yaml",
        '{{- include "footfall.replicasField" $component | nindent 2 }}',
        "replicas: 2",
    ),
    "a Service without pods": ("templates/_http.tpl", "targetPort: {{ .portName }}", "targetPort: web"),
    "an Ingress without a Service": (
        "templates/_http.tpl",
        "name: {{ $.fullname }}\n",
        "name: x{{ $.fullname }}\n",
    ),
    "a disruption budget without pods": (
        "templates/_http.tpl",
        "selector:\n    matchLabels:",
        "selector:\n    matchLabels:\n      a: b",
    ),
    "an autoscaler without a target": ("templates/collector/hpa.yaml", "kind: {{ include", "kind: x{{ include"),
    "a Job that is never deleted": ("templates/_job.tpl", "ttlSecondsAfterFinished", "completions"),
    "an unknown field": ("templates/_pod.tpl", "enableServiceLinks", "enableServiceLink"),
    "a number instead of text": ("templates/sinks/scaledobject.yaml", "| int64 | quote", "| int64"),
    "an unknown field of a custom resource": ("templates/kafka/topics.yaml", "partitions:", "partition:"),
    "a missing ServiceAccount": ("templates/serviceaccounts.yaml", "kind: ServiceAccount", "kind: ConfigMap"),
    "a duplicate variable": (
        "templates/_pod.tpl",
        '{{- include "footfall.env" . | trim | nindent 2 }}',
        '{{- include "footfall.env" . | trim | nindent 2 }}\n  {{- include "footfall.env" . | trim | nindent 2 }}',
    ),
}


def chart_faults(chart: Path) -> list[str]:
    """The faults that all checks find in the two largest examples."""
    found = []
    for name in ("production", "operators"):
        rendered = objects(example(name), chart=chart)
        found += faults(rendered)
        found += [reason for each in rendered if (reason := schema_fault(each, VERSIONS[-1]))]
    return found


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_chart_is_noticed(name: str, tmp_path: Path) -> None:
    file, before, after = MUTATIONS[name]
    broken = tmp_path / "helm"
    shutil.copytree(CHART, broken)
    text = (broken / file).read_text()
    assert before in text
    (broken / file).write_text(text.replace(before, after))
    assert chart_faults(broken)


def test_the_unchanged_chart_has_no_faults() -> None:
    assert chart_faults(CHART) == []
