"""What holds for the objects of any release. Each check returns its faults, in words."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.helm.chart import label
from tests.helm.pods import WORKLOADS, containers, labels, named, port_names, selected, template

Json = dict[str, Any]
Check = Callable[[list[Json]], Iterator[str]]

_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def restricted(objects: list[Json]) -> Iterator[str]:
    """Pod Security `restricted`, and a read-only root."""
    for each, pod in _pods(objects):
        of_pod = pod["spec"].get("securityContext") or {}
        for container in containers(pod):
            context = container.get("securityContext") or {}
            both = of_pod | context
            where = f"{label(each)}, {container['name']}"
            if context.get("allowPrivilegeEscalation") is not False:
                yield f"{where}: may gain privileges"
            if "ALL" not in (context.get("capabilities") or {}).get("drop", []):
                yield f"{where}: keeps capabilities"
            if both.get("runAsNonRoot") is not True:
                yield f"{where}: may run as root"
            if (both.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
                yield f"{where}: has no seccomp profile"
            if context.get("readOnlyRootFilesystem") is not True:
                yield f"{where}: may write to its root"
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if pod["spec"].get(field):
                yield f"{label(each)}: {field}"
        if any("hostPath" in volume for volume in pod["spec"].get("volumes") or []):
            yield f"{label(each)}: hostPath"


def contained(objects: list[Json]) -> Iterator[str]:
    """Requests and limits, an image, and no name that stands twice."""
    for each, pod in _pods(objects):
        if pod["spec"].get("automountServiceAccountToken") is not False:
            yield f"{label(each)}: mounts a token"
        for container in containers(pod):
            where = f"{label(each)}, {container['name']}"
            resources = container.get("resources") or {}
            for group, name in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
                if not _QUANTITY.fullmatch(str((resources.get(group) or {}).get(name))):
                    yield f"{where}: no {group} of {name}"
            if not container.get("image") or container.get("imagePullPolicy") not in (
                "Always",
                "IfNotPresent",
                "Never",
            ):
                yield f"{where}: no image or no pull policy"
            for field, key in (("env", "name"), ("ports", "name"), ("volumeMounts", "mountPath")):
                keys = [entry[key] for entry in container.get(field) or []]
                if len(keys) != len(set(keys)):
                    yield f"{where}: {field} with a name twice"


def probed(objects: list[Json]) -> Iterator[str]:
    """What serves is asked whether it started, lives and is ready; only readiness may depend on others."""
    paths = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for each, pod in _pods(objects):
        if each["kind"] not in WORKLOADS:
            continue
        main = pod["spec"]["containers"][0]
        for probe, path in paths.items():
            asked = (main.get(probe) or {}).get("httpGet") or {}
            if asked.get("path") != path or asked.get("port") not in port_names(pod):
                yield f"{label(each)}: {probe} asks {asked}"


def referred(objects: list[Json]) -> Iterator[str]:
    """ServiceAccounts are there; claims and ConfigMaps too. Secrets are the operator's: see `secrets`."""
    there = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for each, pod in _pods(objects):
        account = pod["spec"]["serviceAccountName"]
        if account != "default" and ("ServiceAccount", account) not in there:
            yield f"{label(each)}: no ServiceAccount {account}"
        yield from (f"{label(each)}: no ConfigMap {name}" for kind, name in named(pod) if kind == "ConfigMap")


def secrets(objects: list[Json]) -> set[str]:
    """The Secrets that pods name. None of them is part of a release: nothing is generated."""
    return {name for _each, pod in _pods(objects) for kind, name in named(pod) if kind == "Secret"}


def connected(objects: list[Json]) -> Iterator[str]:
    """Selectors select, ports lead to ports, what scales or routes finds its target."""
    pods = [pod for _each, pod in _pods(objects)]
    there = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    for each in objects:
        kind, spec = each["kind"], each.get("spec") or {}
        if kind in WORKLOADS and not selected(spec["selector"], [spec["template"]]):
            yield f"{label(each)}: does not select its own pods"
        if kind == "Service":
            found = selected({"matchLabels": spec["selector"]}, pods)
            if not found or any(
                port["targetPort"] not in port_names(pod) for pod in found for port in spec["ports"]
            ):
                yield f"{label(each)}: leads to no port of a pod"
        chosen = spec.get("selector") or spec.get("podSelector") or {}
        if kind in ("PodDisruptionBudget", "NetworkPolicy") and not selected(chosen, pods):
            yield f"{label(each)}: selects no pod"
        if kind in ("HorizontalPodAutoscaler", "ScaledObject"):
            target = spec["scaleTargetRef"]
            workload = there.get((target.get("kind", "Deployment"), target["name"]))
            if workload is None:
                yield f"{label(each)}: no {target}"
            elif "replicas" in workload["spec"]:
                yield f"{label(workload)}: sets replicas, which {label(each)} owns"
        yield from _backends(each, there)
        if kind == "ServiceMonitor":
            services = [other for other in objects if other["kind"] == "Service"]
            heads = [{"metadata": other["metadata"], "ports": other["spec"]["ports"]} for other in services]
            ports = {port["name"] for head in selected(spec["selector"], heads) for port in head["ports"]}
            if not {endpoint["port"] for endpoint in spec["endpoints"]} <= ports:
                yield f"{label(each)}: finds only the ports {ports}"


def _backends(each: Json, there: dict[tuple[str, str], Json]) -> Iterator[str]:
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
        service = there.get(("Service", name))
        if service is None or not any(port in (p["name"], p["port"]) for p in service["spec"]["ports"]):
            yield f"{label(each)}: leads to {name}, port {port}, which is not there"


def named_well(objects: list[Json]) -> Iterator[str]:
    """Names that Kubernetes takes, also those that it makes from ours; and no object twice."""
    longest = {"CronJob": 52, "StatefulSet": 52}
    seen = set()
    for each in objects:
        name = each["metadata"]["name"]
        if not _NAME.fullmatch(name) or len(name) > longest.get(each["kind"], 63):
            yield f"{label(each)}: no good name"
        if (each["kind"], name) in seen:
            yield f"{label(each)}: stands twice"
        seen.add((each["kind"], name))


def rolled_back(objects: list[Json]) -> Iterator[str]:
    """A bad release can be rolled back; no field that can never change says a version."""
    for each in objects:
        spec = each.get("spec") or {}
        if each["kind"] == "StatefulSet" and spec.get("podManagementPolicy") != "Parallel":
            yield f"{label(each)}: its pods come in order"
        if each["kind"] == "Job" and spec.get("ttlSecondsAfterFinished", 0) < 60:
            yield f"{label(each)}: is not removed some time after its end"
        if each["kind"] in WORKLOADS:
            fixed = [spec["selector"]["matchLabels"]]
            fixed += [claim["metadata"].get("labels") or {} for claim in spec.get("volumeClaimTemplates") or []]
            wanted = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
            if any(found.keys() != wanted for found in fixed):
                yield f"{label(each)}: its selector or claims say {fixed}"


CHECKS: tuple[Check, ...] = (restricted, contained, probed, referred, connected, named_well, rolled_back)


def faults(objects: list[Json]) -> list[str]:
    """All faults of all checks."""
    return [fault for check in CHECKS for fault in check(objects)]


def _pods(objects: list[Json]) -> Iterator[tuple[Json, Json]]:
    for each in objects:
        if pod := template(each):
            assert labels(pod)
            yield each, pod
