"""Validates objects against the schemas of Kubernetes and of custom resource definitions."""

import functools
import json
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema_rs

_CRDS = Path(__file__).parent / "crds"
# Found without an import: the package's own validator is in Python, and takes seconds to import.
_KUBERNETES = Path(
    str(distribution("kubernetes-validate").locate_file("kubernetes_validate/kubernetes-json-schema"))
)
# What its files call one another is a path only.
_HERE = "https://kubernetes.invalid"
_DEFINITIONS = f"{_HERE}/api/_definitions.json"


def schema_fault(each: dict[str, Any], version: str) -> str | None:
    """Why the API server of a Kubernetes version would reject an object; None if it would not."""
    return _fault(json.dumps(each), version)


@functools.cache
def _fault(text: str, version: str) -> str | None:
    """Cached, because most objects are the same in many releases."""
    each = json.loads(text)
    found = next(_validator(each["kind"].lower(), each["apiVersion"], version).iter_errors(each), None)
    if found is None:
        return None
    where = ".".join(map(str, found.instance_path))
    return f"{each['kind']} {each['metadata']['name']} in {version}: {where} {found.message[:300]}"


@functools.cache
def _validator(kind: str, api: str, version: str) -> jsonschema_rs.Draft202012Validator:
    """Of a kind of object. Raise FileNotFoundError if that version of Kubernetes has none."""
    definition = _CRDS / f"{kind}-{api.replace('/', '-')}.json"
    if definition.exists():
        return jsonschema_rs.Draft202012Validator(json.loads(definition.read_text()))
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    schema = _contents(version, f"{kind}-{group}") | {"$id": f"{_HERE}/{kind}"}
    return jsonschema_rs.Draft202012Validator(schema, registry=_definitions(version))


@functools.cache
def _definitions(version: str) -> jsonschema_rs.Registry:
    return jsonschema_rs.Registry([(_DEFINITIONS, _contents(version, "_definitions") | {"$id": _DEFINITIONS})])


def _contents(version: str, name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((_KUBERNETES / f"v{version}.0-local-strict" / f"{name}.json").read_text())
    return read
