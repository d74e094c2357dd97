"""Checks that the objects of any release must pass. Each yields its faults as text."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.helm.chart import label
from tests.helm.pods import WORKLOADS, containers, labels, port_names, secrets_and_config_maps, selected, template

Json = dict[str, Any]
Check = Callable[[list[Json]], Iterator[str]]

_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def pod_security(objects: list[Json]) -> Iterator[str]:
    """Pod Security `restricted`, and a read-only root file system."""
    for each, pod in _pods(objects):
        of_pod = pod["spec"].get("securityContext") or {}
        for container in containers(pod):
            context = container.get("securityContext") or {}
            both = of_pod | context
            where = f"{label(each)}, {container['name']}"
            if context.get("allowPrivilegeEscalation") is not False:
                yield f"{where}: may gain privileges"
            if "ALL" not in (context.get("capabilities") or {}).get("drop", []):
                yield f"{where}: does not drop all capabilities"
            if both.get("runAsNonRoot") is not True:
                yield f"{where}: may run as root"
            if (both.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
                yield f"{where}: has no seccomp profile"
            if context.get("readOnlyRootFilesystem") is not True:
                yield f"{where}: may write to its root file system"
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if pod["spec"].get(field):
                yield f"{label(each)}: {field}"
        if any("hostPath" in volume for volume in pod["spec"].get("volumes") or []):
            yield f"{label(each)}: hostPath"


def containers_complete(objects: list[Json]) -> Iterator[str]:
    """Requests and limits, an image, and no duplicate names."""
    for each, pod in _pods(objects):
        if pod["spec"].get("automountServiceAccountToken") is not False:
            yield f"{label(each)}: mounts a service account token"
        for container in containers(pod):
            where = f"{label(each)}, {container['name']}"
            resources = container.get("resources") or {}
            for group, name in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
                if not _QUANTITY.fullmatch(str((resources.get(group) or {}).get(name))):
                    yield f"{where}: no {group} for {name}"
            if not container.get("image") or container.get("imagePullPolicy") not in (
                "Always",
                "IfNotPresent",
                "Never",
            ):
                yield f"{where}: no image or no pull policy"
            for field, key in (("env", "name"), ("ports", "name"), ("volumeMounts", "mountPath")):
                keys = [entry[key] for entry in container.get(field) or []]
                if len(keys) != len(set(keys)):
                    yield f"{where}: duplicate names in {field}"


def probes(objects: list[Json]) -> Iterator[str]:
    """Every service has its three probes; only the path of readiness may depend on other systems."""
    paths = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for each, pod in _pods(objects):
        if each["kind"] not in WORKLOADS:
            continue
        main = pod["spec"]["containers"][0]
        for probe, path in paths.items():
            request = (main.get(probe) or {}).get("httpGet") or {}
            if request.get("path") != path or request.get("port") not in port_names(pod):
                yield f"{label(each)}: {probe} requests {request}"


def references(objects: list[Json]) -> Iterator[str]:
    """The ServiceAccounts and ConfigMaps that pods name exist. The operator creates what is called `existing`."""
    existing = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for each, pod in _pods(objects):
        account = pod["spec"]["serviceAccountName"]
        if account != "default" and ("ServiceAccount", account) not in existing:
            yield f"{label(each)}: no ServiceAccount {account}"
        yield from (
            f"{label(each)}: no ConfigMap {name}"
            for kind, name in secrets_and_config_maps(pod)
            if kind == "ConfigMap" and (kind, name) not in existing and not name.startswith("existing-")
        )


def secrets(objects: list[Json]) -> set[str]:
    """The Secrets that pods name. None of them is part of a release: the chart generates none."""
    return {
        name for _each, pod in _pods(objects) for kind, name in secrets_and_config_maps(pod) if kind == "Secret"
    }


def connections(objects: list[Json]) -> Iterator[str]:
    """Selectors select pods, ports lead to ports, autoscalers and routes have targets."""
    pods = [pod for _each, pod in _pods(objects)]
    existing = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    for each in objects:
        kind, spec = each["kind"], each.get("spec") or {}
        if kind in WORKLOADS and not selected(spec["selector"], [spec["template"]]):
            yield f"{label(each)}: does not select its own pods"
        if kind == "Service":
            found = selected({"matchLabels": spec["selector"]}, pods)
            if not found or any(
                port["targetPort"] not in port_names(pod) for pod in found for port in spec["ports"]
            ):
                yield f"{label(each)}: does not lead to a port of a pod"
        chosen = spec.get("selector") or spec.get("podSelector") or {}
        if kind in ("PodDisruptionBudget", "NetworkPolicy") and not selected(chosen, pods):
            yield f"{label(each)}: selects no pod"
        if kind in ("HorizontalPodAutoscaler", "ScaledObject"):
            target = spec["scaleTargetRef"]
            workload = existing.get((target.get("kind", "Deployment"), target["name"]))
            if workload is None:
                yield f"{label(each)}: no target {target}"
            elif "replicas" in workload["spec"]:
                yield f"{label(workload)}: sets replicas, although {label(each)} owns them"
        yield from _backends(each, existing)
        if kind == "ServiceMonitor":
            services = [other for other in objects if other["kind"] == "Service"]
            candidates = [{"metadata": other["metadata"], "ports": other["spec"]["ports"]} for other in services]
            ports = {
                port["name"] for service in selected(spec["selector"], candidates) for port in service["ports"]
            }
            if not {endpoint["port"] for endpoint in spec["endpoints"]} <= ports:
                yield f"{label(each)}: finds only the ports {ports}"


def _backends(each: Json, existing: dict[tuple[str, str], Json]) -> Iterator[str]:
    spec = each.get("spec") or {}
    if each["kind"] == "Ingress":
        backends = [path["backend"]["service"] for rule in spec["rules"] for path in rule["http"]["paths"]]
        wanted = {(backend["name"], backend["port"]["name"]) for backend in backends}
        if not spec.get("tls") or {rule["host"] for rule in spec["rules"]} - set(spec["tls"][0]["hosts"]):
            yield f"{label(each)}: a host without TLS"
    elif each["kind"] == "HTTPRoute":
        wanted = {(backend["name"], backend["port"]) for rule in spec["rules"] for backend in rule["backendRefs"]}
    else:
        return
    for name, port in wanted:
        service = existing.get(("Service", name))
        if service is None or not any(port in (p["name"], p["port"]) for p in service["spec"]["ports"]):
            yield f"{label(each)}: leads to {name}, port {port}, which does not exist"


def names(objects: list[Json]) -> Iterator[str]:
    """Kubernetes accepts the names, and the names that it derives from them; no object exists twice."""
    max_lengths = {"CronJob": 52, "StatefulSet": 52}
    seen = set()
    for each in objects:
        name = each["metadata"]["name"]
        if not _NAME.fullmatch(name) or len(name) > max_lengths.get(each["kind"], 63):
            yield f"{label(each)}: invalid name"
        if (each["kind"], name) in seen:
            yield f"{label(each)}: exists twice"
        seen.add((each["kind"], name))


def upgrades(objects: list[Json]) -> Iterator[str]:
    """A bad release can be rolled back, and immutable fields hold no version."""
    for each in objects:
        spec = each.get("spec") or {}
        if each["kind"] == "StatefulSet" and spec.get("podManagementPolicy") != "Parallel":
            yield f"{label(each)}: its pods start in order"
        if each["kind"] == "Job" and spec.get("ttlSecondsAfterFinished", 0) < 60:
            yield f"{label(each)}: is never deleted"
        if each["kind"] in WORKLOADS:
            immutable = [spec["selector"]["matchLabels"]]
            immutable += [
                claim["metadata"].get("labels") or {} for claim in spec.get("volumeClaimTemplates") or []
            ]
            wanted = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
            if any(found.keys() != wanted for found in immutable):
                yield f"{label(each)}: its selector or claims have the labels {immutable}"


CHECKS: tuple[Check, ...] = (pod_security, containers_complete, probes, references, connections, names, upgrades)


def faults(objects: list[Json]) -> list[str]:
    """The faults that all checks find."""
    return [fault for check in CHECKS for fault in check(objects)]


def _pods(objects: list[Json]) -> Iterator[tuple[Json, Json]]:
    for each in objects:
        if pod := template(each):
            assert labels(pod)
            yield each, pod
