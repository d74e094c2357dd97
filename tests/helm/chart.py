"""The chart, rendered by the real Helm engine."""

import copy
import functools
import json
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart, _native

CHART = Path(__file__).parents[2] / "helm"
EXAMPLES = sorted(path.stem for path in (CHART / "examples").glob("*.yaml"))
# The oldest that the chart takes, one between, the newest there are schemas of.
VERSIONS = ("1.30", "1.34", "1.37")

Json = dict[str, Any]


def example(name: str) -> Json:
    """The values of an example."""
    loaded: Json = yaml.safe_load((CHART / "examples" / f"{name}.yaml").read_text())
    return loaded


def over(values: Json, more: Json) -> Json:
    """Values with others on top, as `--values a --values b`."""
    merged = copy.deepcopy(values)
    for key, value in more.items():
        merged[key] = (
            over(merged[key], value) if isinstance(value, dict) and isinstance(merged.get(key), dict) else value
        )
    return merged


def at(dotted: str, value: Any) -> Json:
    """Values from a name as behind `--set`."""
    for key in reversed(dotted.split(".")):
        value = {key: value}
    made: Json = value
    return made


def files(
    values: Json, *, chart: Path = CHART, kube: str = "1.37.0", name: str = "rel", namespace: str = "ns"
) -> dict[str, str]:
    """What each template makes. Raise HelmRenderError as Helm would."""
    options = {"name": name, "namespace": namespace, "kube_version": kube, "api_versions": []}
    # The wrapper hides the options; the engine below it takes them.
    loaded = _loaded() if chart == CHART else Chart.load(str(chart))
    made: dict[str, str] = json.loads(
        _native.call_string("helm_render", loaded._raw(), json.dumps(values), json.dumps(options))
    )
    return made


@functools.cache
def _loaded() -> Chart:
    return Chart.load(str(CHART))


def objects(values: Json, **options: Any) -> list[Json]:
    """Every object of the release, hooks included. Raise ValueError for a key that stands twice."""
    made = files(values, **options)
    texts = (text for path, text in sorted(made.items()) if not path.endswith("NOTES.txt"))
    return [each for text in texts for each in yaml.load_all(text, _NoKeyTwice) if each]


def notes(values: Json) -> str:
    """What Helm says at the end."""
    return next(text for path, text in files(values).items() if path.endswith("NOTES.txt"))


@functools.cache
def of_example(name: str) -> tuple[Json, ...]:
    """The objects of an example; not to be changed."""
    return tuple(objects(example(name)))


def label(each: Json) -> str:
    """An object's name in messages."""
    return f"{each['kind']} {each['metadata']['name']}"


class _NoKeyTwice(yaml.CSafeLoader):
    """Helm and kubectl keep the last of two equal keys in silence."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise ValueError(f"{', '.join(twice)} stands twice: {node.start_mark}")
        return super().construct_mapping(node, deep)
