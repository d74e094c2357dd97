"""Every example and every switch of the chart is linted, rendered, and validated by schemas and by our own checks."""

import json

import pytest
from helm_python import lint

from tests.helm.chart import CHART, EXAMPLES, VERSIONS, Json, example, files, objects, of_example
from tests.helm.checks import faults, secrets
from tests.helm.schemas import schema_fault
from tests.helm.switches import choices, switches

SWITCHES = switches()
CHOICES = choices()
ALL = CHOICES | {name: toggled for name, (_default, toggled) in SWITCHES.items()}
_CHECKED: set[str] = set()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_linter_has_no_warning_for_an_example(name: str) -> None:
    findings = lint(str(CHART), example(name), strict=True, kube_version="1.37.0")
    assert [message for message in findings["messages"] if message["severity"] >= 2] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_matches_the_schemas(name: str, version: str) -> None:
    assert [reason for each in of_example(name) if (reason := schema_fault(each, version))] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_passes_the_checks(name: str) -> None:
    assert faults(list(of_example(name))) == []


@pytest.mark.parametrize("name", ALL)
def test_a_choice_matches_the_schemas_and_passes_the_checks(name: str) -> None:
    rendered = objects(ALL[name])
    assert faults(rendered) == []
    # Objects that an earlier switch rendered identically are known to match.
    new = {text: each for each in rendered if (text := json.dumps(each, sort_keys=True)) not in _CHECKED}
    assert [reason for each in new.values() if (reason := schema_fault(each, VERSIONS[-1]))] == []
    _CHECKED.update(new)


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_changes_something(name: str) -> None:
    default, toggled = SWITCHES[name]
    assert files(toggled) != files(default)


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_changes_something(name: str) -> None:
    assert files(CHOICES[name]) != files(example("minimal"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_two_renders_are_equal(name: str) -> None:
    assert files(example(name)) == files(example(name))


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_secret_is_created(name: str) -> None:
    assert [each for each in of_example(name) if each["kind"] == "Secret"] == []
    assert secrets(list(of_example(name)))


def test_the_chart_can_be_a_subchart(tmp_path_factory: pytest.TempPathFactory) -> None:
    values: Json = example("minimal") | {
        "global": {"imageRegistry": "registry.example.com", "anything": {"else": 1}}
    }
    (collector,) = (
        each
        for each in objects(values | {"enabled": True})
        if each["metadata"]["name"] == "rel-footfall-collector" and each["kind"] == "Deployment"
    )
    assert collector["spec"]["template"]["spec"]["containers"][0]["image"].startswith(
        "registry.example.com/footfall-collector:"
    )
