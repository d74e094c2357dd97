"""The pods of rendered objects, and what they refer to."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
WORKLOADS = ("Deployment", "StatefulSet")


def template(each: Json) -> Json | None:
    """The pod or pod template of an object."""
    spec = each.get("spec") or {}
    if each["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    if each["kind"] == "Pod":
        return each
    found: Json | None = spec.get("template") if each["kind"] in (*WORKLOADS, "Job", "CronJob") else None
    return found


def containers(pod: Json) -> list[Json]:
    """All containers of a pod."""
    return [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]


def labels(pod: Json) -> Json:
    """The labels of a pod."""
    found: Json = pod["metadata"]["labels"]
    return found


def secrets_and_config_maps(pod: Json) -> Iterator[tuple[str, str]]:
    """Kind and name of each Secret and ConfigMap that must exist before the pod starts."""
    for volume in pod["spec"].get("volumes") or []:
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
    for container in containers(pod):
        for variable in container.get("env") or []:
            source = variable.get("valueFrom") or {}
            if "secretKeyRef" in source:
                yield "Secret", source["secretKeyRef"]["name"]
            if "configMapKeyRef" in source:
                yield "ConfigMap", source["configMapKeyRef"]["name"]


def selected(selector: Json, pods: list[Json]) -> list[Json]:
    """The pods that a selector with matchLabels and matchExpressions (In) selects."""
    wanted = selector.get("matchLabels") or {}
    listed = selector.get("matchExpressions") or []
    return [
        pod
        for pod in pods
        if wanted.items() <= labels(pod).items() and all(labels(pod).get(e["key"]) in e["values"] for e in listed)
    ]


def port_names(pod: Json) -> set[str]:
    """The names of the ports of a pod."""
    return {port["name"] for container in containers(pod) for port in container.get("ports") or []}
