"""helm/values.schema.json: every value and its type, so that Helm rejects a misspelt key by its name."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from footfall.generate.chart import settings
from footfall.generate.chart.values import Value, values
from service_kit.kafka.settings import SaslMechanism, SecurityProtocol

Schema = dict[str, Any]

# The key of the defaults for every pod; a component can override each of them.
POD = "pod"
COMPONENTS = (
    "collector",
    "streamApp",
    "sinks",
    "dashboard",
    "registry",
    "topics",
    "migrations",
    "maintenance",
    "test",
)
# Objects that are passed on to Kubernetes or an operator, which validate them.
_PASSED_ON = {
    "resources",
    "volume",
    "podSecurityContext",
    "securityContext",
    "behavior",
    "labels",
    "global",
    "spec",
}
_PASSED_ON |= {"startupProbe", "readinessProbe", "livenessProbe"}
_PORT = {"minimum": 1, "maximum": 65535}
# By path, or by its last one or two keys.
_RULES: Mapping[str, Schema] = {
    "kafka.securityProtocol": {"enum": list(typing.get_args(SecurityProtocol))},
    "kafka.sasl.mechanism": {"enum": list(typing.get_args(SaslMechanism))},
    "kafka.topicPrefix": {"pattern": "^[a-z0-9.-]*$"},
    "postgres.schema": {"pattern": "^[a-z_][a-z0-9_]{0,55}$"},
    "postgres.tls.mode": {"enum": ["", "disable", "prefer", "require", "verify-ca", "verify-full"]},
    "strimzi.users.authentication": {"enum": ["scram-sha-512", "tls"]},
    "migrations.mode": {"enum": ["job", "initContainer", "none"]},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "service.port": _PORT,
    "dns.ports": {"items": {"type": "integer", **_PORT}},
    "kafka.ports": {"items": {"type": "integer", **_PORT}},
    "postgres.ports": {"items": {"type": "integer", **_PORT}},
    "pullSecrets": {"items": {"type": "string"}},
    "contract.files": {
        "additionalProperties": {"type": "string"},
        "propertyNames": {"pattern": "^[-._a-zA-Z0-9]+$"},
    },
    "hosts": {"items": {"type": "string"}},
    "hostnames": {"items": {"type": "string"}},
    "paths": {"items": {"type": "string", "pattern": "^/"}, "minItems": 1},
    "disabledAlerts": {"items": {"type": "string"}},
    "commonLabels": {"additionalProperties": {"type": "string"}},
    "extraEnv": {"items": {"type": "object", "required": ["name"]}},
    "digests": {"additionalProperties": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}},
    "size": {"pattern": "^[1-9][0-9]*(Mi|Gi|Ti)$"},
    "fsGroup": {"type": ["integer", "null"], "minimum": 1},
    "partitions": {"minimum": 1},
    "replicationFactor": {"minimum": 1},
    "minInsyncReplicas": {"minimum": 1},
    "minReplicas": {"minimum": 1},
    "maxReplicas": {"minimum": 1},
    "targetCPUUtilizationPercentage": {"minimum": 1, "maximum": 100},
    "lagThreshold": {"minimum": 1},
    "instances": {"minimum": 1},
    # 0 would delete a Job before `helm --wait-for-jobs` has seen it finish: see UPGRADING.md.
    "ttlSecondsAfterFinished": {"minimum": 60},
}


def schema() -> str:
    """The whole file."""
    tree = _object({})
    tree["$schema"] = "http://json-schema.org/draft-07/schema#"
    for value in values():
        if any(key in _PASSED_ON for key in value.path[:-1]):
            continue
        _parent(tree, value.path)["properties"][value.path[-1]] = _of(value)
    pod = tree["properties"][POD]["properties"]
    for component in COMPONENTS:
        own = tree["properties"][component]["properties"]
        own |= {key: part for key, part in pod.items() if key not in own}
        own["settings"] = _object({key: _setting(each) for key, each in settings.plain(component).items()})
        if keys := settings.secret(component):
            own["secretKeys"] = _object({key: {"type": "string"} for key in keys})
    return json.dumps(tree, indent=2) + "\n"


def _parent(tree: Schema, path: tuple[str, ...]) -> Schema:
    for key in path[:-1]:
        tree = tree["properties"][key]
        tree.setdefault("properties", {})
    return tree


def _of(value: Value) -> Schema:
    described: Schema = {"description": value.about} if value.about else {}
    default = value.default
    if isinstance(default, dict):
        passed_on = not default or value.path[-1] in _PASSED_ON
        described |= {"type": "object"} if passed_on else _object({})
    else:
        described["type"] = _TYPES[type(default)]
        if isinstance(default, int) and not isinstance(default, bool):
            described["minimum"] = 0
    return (
        described
        | _RULES.get(value.path[-1], {})
        | _RULES.get(".".join(value.path[-2:]), {})
        | _RULES.get(value.name, {})
        | (_bounds(settings.SHARED[value.name]) if value.name in settings.SHARED else {})
    )


def _object(properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array"}


def _setting(declared: "dataclasses.Field[Any]") -> Schema:
    """The schema of a setting, as the service's class declares it."""
    return {"description": declared.metadata["help"]} | _kind(declared.type) | _bounds(declared)


def _bounds(declared: "dataclasses.Field[Any]") -> Schema:
    bounds = ("minimum", "maximum")
    return {bound: declared.metadata[bound] for bound in bounds if declared.metadata[bound] is not None}


def _kind(hint: Any) -> Schema:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is Literal:
        return {"enum": list(typing.get_args(hint))}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": {"type": "string"}}
    return {"type": _TYPES.get(hint, "string")}
