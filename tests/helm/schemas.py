"""Validates objects against the schemas of Kubernetes and of custom resource definitions."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
from kubernetes_validate import utils
from referencing import Registry, Resource

_CRDS = Path(__file__).parent / "crds"


def schema_fault(each: dict[str, Any], version: str) -> str | None:
    """Why the API server of a Kubernetes version would reject an object; None if it would not."""
    return _fault(json.dumps(each), version)


@functools.cache
def _fault(text: str, version: str) -> str | None:
    """Cached, because most objects are the same in many releases."""
    each = json.loads(text)
    validator = _validator(each["kind"].lower(), each["apiVersion"], version)
    found = jsonschema.exceptions.best_match(validator.iter_errors(each))
    if found is None:
        return None
    where = ".".join(map(str, found.path))
    return f"{each['kind']} {each['metadata']['name']} in {version}: {where} {found.message[:300]}"


@functools.cache
def _validator(kind: str, api: str, version: str) -> Any:
    """Cached, because kubernetes_validate.validate reads its schemas again for each document. Raise FileNotFoundError."""
    definition = _CRDS / f"{kind}-{api.replace('/', '-')}.json"
    if definition.exists():
        return jsonschema.Draft202012Validator(json.loads(definition.read_text()))
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    return jsonschema.Draft202012Validator(
        utils.schema_contents(f"{_folder(version)}/{kind}-{group}.json", version), registry=_definitions(version)
    )


@functools.cache
def _definitions(version: str) -> Any:
    contents = utils.schema_contents(f"{_folder(version)}/_definitions.json", version)
    return Resource.from_contents(contents) @ Registry()


def _folder(version: str) -> str:
    return f"kubernetes-json-schema/v{version}.0-local-strict"
