"""The checks of the chart fail when the chart is broken: each of these changes to its templates is noticed."""

import shutil
from pathlib import Path

import pytest

from tests.helm.chart import CHART, VERSIONS, example, objects
from tests.helm.checks import faults
from tests.helm.schemas import fault

# File, what stands in it, and what is put in its place.
MUTATIONS = {
    "a probe asks for another path": (
        "templates/_pod.tpl",
        '"livenessProbe" "/healthz"',
        '"livenessProbe" "/readyz"',
    ),
    "a probe is gone": ("templates/_pod.tpl", '"readinessProbe" "/readyz" ', ""),
    "root may be written to": ("values.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
    "capabilities are kept": ("values.yaml", "drop: [ALL]", "drop: [NET_RAW]"),
    "any user": ("values.yaml", "runAsNonRoot: true", "runAsNonRoot: false"),
    "no seccomp profile": ("values.yaml", "type: RuntimeDefault", "type: Unconfined"),
    "privileges": ("values.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
    "a token": ("templates/_pod.tpl", "automountServiceAccountToken: false", "automountServiceAccountToken: true"),
    "a selector that selects others": (
        "templates/collector/workload.yaml",
        "matchLabels:\n      {{- include",
        "matchLabels:\n      app: x\n      {{- include",
    ),
    "a version in a claim": (
        "templates/collector/workload.yaml",
        '{{- include "footfall.selectorLabels" $scope | nindent 10 }}',
        '{{- include "footfall.labels" $scope | nindent 10 }}',
    ),
    "pods in order": ("templates/stream-app/statefulset.yaml", "Parallel", "OrderedReady"),
    "replicas of an autoscaler's": (
        "templates/collector/workload.yaml",
        '{{- include "footfall.replicasField" $scope | nindent 2 }}',
        "replicas: 2",
    ),
    "a Service of nobody": ("templates/_http.tpl", "targetPort: {{ .is.serves }}", "targetPort: web"),
    "an Ingress to nowhere": ("templates/_http.tpl", "name: {{ $.fullname }}\n", "name: x{{ $.fullname }}\n"),
    "a budget for nobody": (
        "templates/_http.tpl",
        "selector:\n    matchLabels:",
        "selector:\n    matchLabels:\n      a: b",
    ),
    "an autoscaler of nothing": ("templates/collector/autoscaler.yaml", "kind: {{ include", "kind: x{{ include"),
    "a Job that is never removed": ("templates/_job.tpl", "ttlSecondsAfterFinished", "completions"),
    "a field there is not": ("templates/_pod.tpl", "enableServiceLinks", "enableServiceLink"),
    "a number as text": ("templates/sinks/scaledobject.yaml", "| int64 | quote", "| int64"),
    "an unknown field of a custom resource": ("templates/kafka/topics.yaml", "partitions:", "partition:"),
    "no account": ("templates/serviceaccounts.yaml", "kind: ServiceAccount", "kind: ConfigMap"),
    "a variable twice": (
        "templates/_pod.tpl",
        '{{- include "footfall.env" . | trim | nindent 2 }}',
        '{{- include "footfall.env" . | trim | nindent 2 }}\n  {{- include "footfall.env" . | trim | nindent 2 }}',
    ),
}


def told(chart: Path) -> list[str]:
    """What all checks say of all examples."""
    found = []
    for name in ("production", "operators"):
        rendered = objects(example(name), chart=chart)
        found += faults(rendered)
        found += [fault(each, VERSIONS[-1]) for each in rendered if fault(each, VERSIONS[-1])]
    return found


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_chart_is_noticed(name: str, tmp_path: Path) -> None:
    file, before, after = MUTATIONS[name]
    broken = tmp_path / "helm"
    shutil.copytree(CHART, broken)
    text = (broken / file).read_text()
    assert before in text
    (broken / file).write_text(text.replace(before, after))
    assert told(broken)


def test_the_chart_as_it_is_has_no_faults() -> None:
    assert told(CHART) == []
