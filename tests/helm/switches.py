"""Each boolean of the values toggled, and each choice that the examples do not make."""

from footfall.generate.chart.values import values
from tests.helm.chart import Json, at, example, over

# What a switch needs to have an effect: values of its component, and values elsewhere.
_NEEDED_VALUES: dict[str, Json] = {
    "ingress.enabled": {"ingress": {"hosts": ["a.example.com", "b.example.com"], "tlsSecret": "tls"}},
    "httpRoute.enabled": {"httpRoute": {"parentRefs": [{"name": "public"}], "hostnames": ["a.example.com"]}},
    "podDisruptionBudget.enabled": {"replicas": 2},
}
_NEEDED_ELSEWHERE: dict[str, Json] = {
    "strimzi.topics.enabled": {"strimzi": {"cluster": "events"}},
    "strimzi.users.enabled": {"strimzi": {"cluster": "events"}, "kafka": {"securityProtocol": "SASL_SSL"}},
    "postgres.cluster.enabled": {"postgres": {"existingSecret": ""}},
}
_CHOICES: dict[str, Json] = {
    "mTLS": {
        "kafka": {
            "securityProtocol": "SSL",
            "tls": {"existingSecret": "ca"},
            "clientCertificate": {"existingSecret": "client"},
        },
        "sinks": {"autoscaling": {"enabled": True}},
    },
    "SASL with the name in the Secret": {
        "kafka": {"securityProtocol": "SASL_SSL", "sasl": {"existingSecret": "sasl", "mechanism": "PLAIN"}},
        "sinks": {"autoscaling": {"enabled": True}},
    },
    "SASL with the name in the values": {
        "kafka": {
            "securityProtocol": "SASL_PLAINTEXT",
            "sasl": {"existingSecret": "sasl", "username": "footfall"},
        },
        "sinks": {"autoscaling": {"enabled": True}},
    },
    "OAuth with client credentials": {
        "kafka": {
            "securityProtocol": "SASL_SSL",
            "sasl": {"existingSecret": "sasl", "username": "footfall", "mechanism": "OAUTHBEARER"},
            "oauth": {"tokenUrl": "https://sign-in.example.com/token", "scope": "kafka"},
        },
        "sinks": {"autoscaling": {"enabled": True}},
    },
    "OAuth with a token of the pod": {
        "kafka": {
            "securityProtocol": "SASL_SSL",
            "sasl": {"mechanism": "OAUTHBEARER"},
            "oauth": {"tokenFile": "/var/run/tokens/kafka"},
        },
    },
    "column files in a bucket, and keys of programs": {
        "dashboard": {
            "settings": {"columnsUrl": "s3://a-bucket/columns"},
            "existingSecret": "dashboard",
            "secretKeys": {"dashboardKeys": "keys"},
        },
    },
    "migrations by each pod": {"migrations": {"mode": "initContainer"}},
    "migrations by hand": {"migrations": {"mode": "none"}},
    "an autoscaled spool": {
        "collector": {"spool": {"enabled": True, "fsGroup": None}, "autoscaling": {"enabled": True}}
    },
    "a shared cluster": {"kafka": {"topicPrefix": "team-a."}},
    "a private registry": {
        "image": {
            "registry": "registry.example.com/mirror",
            "pullSecrets": ["pull"],
            "digests": {"collector": "sha256:" + "a" * 64},
        }
    },
    "every extra field": {
        "pod": {
            "extraEnv": [{"name": "FOOTFALL_LOG_LEVEL", "value": "DEBUG"}, {"name": "TZ", "value": "UTC"}],
            "extraEnvFrom": [{"secretRef": {"name": "proxies", "optional": True}}],
            "extraVolumes": [{"name": "more", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "events", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "high",
            "podLabels": {"team": "data"},
            "annotations": {"reloader.stakater.com/auto": "true"},
        },
        "podAnnotations": {"sidecar.istio.io/inject": "false"},
        "podLabels": {"cost": "analytics"},
        "commonLabels": {"owner": "data", "app.kubernetes.io/name": "not-this"},
        "extraObjects": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-more"}, "data": {}}
        ],
    },
    "network policies with named peers": {
        "networkPolicy": {
            "collector": {"from": [{"podSelector": {}}]},
            "dashboard": {"from": [{"podSelector": {}}]},
            "registry": {"from": [{"podSelector": {}}]},
            "metrics": {"from": [{"podSelector": {}}]},
            "dns": {"to": [{"podSelector": {}}]},
            "kafka": {"to": [{"podSelector": {}}], "ports": [9092]},
            "postgres": {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
            "extraEgress": [{"ports": [{"port": 4317}]}],
        }
    },
    "event types of a team in the values": {"contract": {"files": {"custom_events.yaml": "a_b: C.\n"}}},
    "event types of a team in a ConfigMap": {
        "contract": {"existingConfigMap": "existing-types", "revision": "ab12"}
    },
    "event types of a team in a volume": {
        "contract": {"volume": {"persistentVolumeClaim": {"claimName": "types", "readOnly": True}}}
    },
    "tracing": {"tracing": {"endpoint": "http://otel-collector.monitoring:4318"}},
    "disabled alerts, and runbooks elsewhere": {
        "prometheusRule": {
            "enabled": True,
            "disabledAlerts": ["FootfallCollectorNoEvents"],
            "runbookUrl": "https://example.com/footfall/",
        }
    },
    "access to the dashboard by role": {
        "dashboard": {"settings": {"dashboardRole": "analyst", "sessionJwksUrl": "https://login.example.com/keys"}}
    },
    "keys of an identity provider": {
        "collector": {
            "secretKeys": {"sessionKey": None},
            "settings": {"sessionJwksUrl": "https://login.example.com:8443/keys"},
        }
    },
}


def choices() -> dict[str, Json]:
    """Values by what they choose, on top of the minimal example."""
    return {name: over(example("minimal"), more) for name, more in _CHOICES.items()}


def switches() -> dict[str, tuple[Json, Json]]:
    """For each switch: the values with its default, and the values with it toggled."""
    booleans = [value for value in values() if isinstance(value.default, bool) and len(value.path) > 1]
    return {
        f"{value.name}={str(not value.default).lower()}": (
            _with(value.name, value.default),
            _with(value.name, not value.default),
        )
        for value in booleans
        if value.path[0] != "pod"
    }


def _with(name: str, state: bool) -> Json:
    more = _NEEDED_ELSEWHERE.get(name, {}) if state else {}
    component, _, switch = name.partition(".")
    needed = at(component, _NEEDED_VALUES.get(switch, {}))
    return over(over(over(example("minimal"), more), needed), at(name, state))
