"""The chart, rendered by the real Helm engine."""

import copy
import functools
import json
import pickle
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart, _native

CHART = Path(__file__).parents[2] / "helm"
EXAMPLES = sorted(path.stem for path in (CHART / "examples").glob("*.yaml"))
# The oldest version that the chart supports, one in between, and the newest with published schemas.
VERSIONS = ("1.30", "1.34", "1.37")

Json = dict[str, Any]


def example(name: str) -> Json:
    """The values of an example."""
    loaded: Json = yaml.safe_load((CHART / "examples" / f"{name}.yaml").read_text())
    return loaded


def over(values: Json, more: Json) -> Json:
    """Values merged with others, as by `--values a --values b`."""
    merged = copy.deepcopy(values)
    for key, value in more.items():
        merged[key] = (
            over(merged[key], value) if isinstance(value, dict) and isinstance(merged.get(key), dict) else value
        )
    return merged


def at(dotted: str, value: Any) -> Json:
    """Values from a dotted name, as by `--set`."""
    for key in reversed(dotted.split(".")):
        value = {key: value}
    nested: Json = value
    return nested


def files(
    values: Json, *, chart: Path = CHART, kube: str = "1.37.0", name: str = "rel", namespace: str = "ns"
) -> dict[str, str]:
    """The output of each template. Raise HelmRenderError as Helm would."""
    options = {"name": name, "namespace": namespace, "kube_version": kube, "api_versions": []}
    # The wrapper does not expose these options; the engine below it accepts them.
    loaded = _loaded() if chart == CHART else Chart.load(str(chart))
    rendered: dict[str, str] = json.loads(
        _native.call_string("helm_render", loaded._raw(), json.dumps(values), json.dumps(options))
    )
    return rendered


@functools.cache
def _loaded() -> Chart:
    return Chart.load(str(CHART))


def objects(values: Json, **options: Any) -> list[Json]:
    """Every object of the release, hooks included. Raise ValueError for a duplicate key."""
    rendered = files(values, **options)
    texts = (text for path, text in sorted(rendered.items()) if not path.endswith("NOTES.txt"))
    return [each for text in texts for each in pickle.loads(_pickled(text))]


@functools.cache
def _pickled(text: str) -> bytes:
    """The objects in a template's output. Most outputs are the same in many releases, and parsing is slow."""
    return pickle.dumps([each for each in yaml.load_all(text, _UniqueKeyLoader) if each])


def notes(values: Json) -> str:
    """What Helm prints after an installation."""
    return next(text for path, text in files(values).items() if path.endswith("NOTES.txt"))


@functools.cache
def of_example(name: str) -> tuple[Json, ...]:
    """The objects of an example. They are shared: do not change them."""
    return tuple(objects(example(name)))


def label(each: Json) -> str:
    """The name of an object in messages."""
    return f"{each['kind']} {each['metadata']['name']}"


class _UniqueKeyLoader(yaml.CSafeLoader):
    """Rejects duplicate keys; Helm and kubectl silently use the last one."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if duplicates := {key for key in keys if keys.count(key) > 1}:
            raise ValueError(f"duplicate keys {', '.join(duplicates)}: {node.start_mark}")
        return super().construct_mapping(node, deep)
