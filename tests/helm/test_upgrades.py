"""An upgrade keeps what must be kept, and replaces what must be replaced."""

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
def test_volumes_topics_and_selectors_of_an_earlier_chart_stay(released: Path, name: str) -> None:
    """Written down at each release by `python -m tests.helm.immutable`."""
    before: dict[str, Json] = json.loads(released.read_text())[name]
    now = fields(of_example(name))
    assert before
    assert {key: now.get(key) for key in before} == before


def test_a_job_is_made_anew_for_a_new_image_only() -> None:
    now = jobs(example("minimal"))
    assert len(now) == 2
    assert jobs(over(example("minimal"), at("collector.replicas", 5))) == now
    assert jobs(over(example("minimal"), at("image.tag", "next"))).isdisjoint(now)


def test_topics_are_made_anew_for_a_new_layout_only() -> None:
    now, then = jobs(example("minimal")), jobs(over(example("minimal"), at("topics.partitions", 24)))
    assert len(now & then) == 1
    assert {name for name in now ^ then if "migrations" in name} == set()


@pytest.mark.parametrize("kind", ["KafkaTopic", "Cluster"])
def test_events_and_rows_outlive_the_release(kind: str) -> None:
    kept = [each["metadata"]["annotations"] for each in of_example("operators") if each["kind"] == kind]
    assert kept
    assert all(annotations["helm.sh/resource-policy"] == "keep" for annotations in kept)


def test_only_the_test_is_a_hook() -> None:
    """Migrations as a hook and pods that wait for them would wait for each other."""
    for name in EXAMPLES:
        hooks = [each for each in of_example(name) if "helm.sh/hook" in each["metadata"].get("annotations", {})]
        assert [(each["kind"], each["metadata"]["annotations"]["helm.sh/hook"]) for each in hooks] == [
            ("Pod", "test")
        ]


def test_the_chart_version_alone_restarts_no_pod() -> None:
    for each in of_example("production"):
        if pod := template(each):
            said = json.dumps(pod["metadata"] if each["kind"] != "Pod" else {})
            assert "helm.sh/chart" not in said and "app.kubernetes.io/version" not in said


def test_a_variable_of_ones_own_replaces_the_charts() -> None:
    more = at("sinks.extraEnv", [{"name": "FOOTFALL_PROBE_PORT", "value": "9999"}])
    (sinks,) = (
        each
        for each in objects(over(example("minimal"), more))
        if each["kind"] == "Deployment" and "sinks" in each["metadata"]["name"]
    )
    for container in sinks["spec"]["template"]["spec"]["containers"]:
        assert [each["value"] for each in container["env"] if each["name"] == "FOOTFALL_PROBE_PORT"] == ["9999"]
