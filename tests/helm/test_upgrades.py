"""An upgrade leaves immutable fields and data alone, and replaces what must be replaced."""

import json
from pathlib import Path

import pytest

from tests.helm.chart import EXAMPLES, Json, at, example, objects, of_example, over
from tests.helm.immutable import RELEASED, fields
from tests.helm.pods import template

VERSIONS = sorted(RELEASED.glob("*.json"))


def jobs(values: Json) -> set[str]:
    return {each["metadata"]["name"] for each in objects(values) if each["kind"] == "Job"}


@pytest.mark.parametrize("released", VERSIONS, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", EXAMPLES)
def test_volumes_topics_and_selectors_of_an_earlier_chart_are_unchanged(released: Path, name: str) -> None:
    """Recorded at each release by `python -m tests.helm.immutable`."""
    before: dict[str, Json] = json.loads(released.read_text())[name]
    now = fields(of_example(name))
    assert before
    assert {key: now.get(key) for key in before} == before


def test_only_a_new_image_creates_new_jobs() -> None:
    now = jobs(example("minimal"))
    assert len(now) == 2
    assert jobs(over(example("minimal"), at("collector.replicas", 5))) == now
    assert jobs(over(example("minimal"), at("image.tag", "next"))).isdisjoint(now)


def test_only_the_topics_job_changes_with_the_number_of_partitions() -> None:
    now, then = jobs(example("minimal")), jobs(over(example("minimal"), at("topics.partitions", 24)))
    assert len(now & then) == 1
    assert {name for name in now ^ then if "migrations" in name} == set()


@pytest.mark.parametrize("kind", ["KafkaTopic", "Cluster"])
def test_events_and_rows_survive_an_uninstall(kind: str) -> None:
    annotations_of_all = [
        each["metadata"]["annotations"] for each in of_example("operators") if each["kind"] == kind
    ]
    assert annotations_of_all
    assert all(annotations["helm.sh/resource-policy"] == "keep" for annotations in annotations_of_all)


def test_only_the_smoke_test_is_a_hook() -> None:
    """If migrations were a hook, they and the pods that wait for them would wait for each other."""
    for name in EXAMPLES:
        hooks = [each for each in of_example(name) if "helm.sh/hook" in each["metadata"].get("annotations", {})]
        assert [(each["kind"], each["metadata"]["annotations"]["helm.sh/hook"]) for each in hooks] == [
            ("Pod", "test")
        ]


def test_a_new_chart_version_alone_restarts_no_pod() -> None:
    for each in of_example("production"):
        if pod := template(each):
            metadata = json.dumps(pod["metadata"] if each["kind"] != "Pod" else {})
            assert "helm.sh/chart" not in metadata and "app.kubernetes.io/version" not in metadata


def test_extra_env_overrides_a_variable_of_the_chart() -> None:
    override = at("sinks.extraEnv", [{"name": "FOOTFALL_PROBE_PORT", "value": "9999"}])
    (sinks,) = (
        each
        for each in objects(over(example("minimal"), override))
        if each["kind"] == "Deployment" and "sinks" in each["metadata"]["name"]
    )
    for container in sinks["spec"]["template"]["spec"]["containers"]:
        assert [each["value"] for each in container["env"] if each["name"] == "FOOTFALL_PROBE_PORT"] == ["9999"]


@pytest.mark.parametrize("name", ["production", "operators"])
def test_common_labels_are_on_every_object_and_change_nothing_that_must_stay(name: str) -> None:
    labels = {"cost-center": "data", "app.kubernetes.io/name": "not-this"}
    labelled = objects(over(example(name), at("commonLabels", labels)))
    assert {each["metadata"]["labels"]["cost-center"] for each in labelled} == {"data"}
    assert "not-this" not in json.dumps(labelled)
    assert "cost-center" not in json.dumps([each.get("spec") for each in labelled])
    assert fields(labelled) == fields(of_example(name))
