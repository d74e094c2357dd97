"""Bad values are rejected before anything is installed, with a message that names the value."""

import pytest
from helm_python import HelmRenderError, HelmValuesError

from tests.helm.chart import Json, at, example, files, over

BAD: dict[str, Json] = {
    "kafka.bootstrapServers is empty": {"kafka": {"bootstrapServers": ""}},
    "kafka.bootstrapServers must be host:port": {"kafka": {"bootstrapServers": "kafka"}},
    "kafka.sasl.existingSecret (or sinks.kafka.existingSecret) is empty": {
        "kafka": {"securityProtocol": "SASL_SSL"}
    },
    "postgres.existingSecret (or sinks.postgres.existingSecret) is empty": {"postgres": {"existingSecret": ""}},
    "postgres.existingSecret and postgres.cluster.enabled are both set": {
        "postgres": {"cluster": {"enabled": True}}
    },
    "postgres.tls.existingSecret is empty": {"postgres": {"tls": {"mode": "verify-full"}}},
    "collector.existingSecret is empty": {"collector": {"existingSecret": ""}},
    "collector.secretKeys.hashKey is empty": {"collector": {"secretKeys": {"hashKey": None}}},
    "collector.secretKeys.sessionKey is empty": {"collector": {"secretKeys": {"sessionKey": None}}},
    "collector.settings.sessionJwksUrl and collector.secretKeys.sessionKey are both set": {
        "collector": {"settings": {"sessionJwksUrl": "https://login.example.com/keys"}}
    },
    "collector.settings.eventsPerMinute and streamApp.settings.eventsPerMinute differ": {
        "collector": {"settings": {"eventsPerMinute": 200}}
    },
    "collector.terminationGracePeriodSeconds is 30": {"collector": {"settings": {"drainSeconds": 20}}},
    "dashboard.settings.sessionJwksUrl and dashboard.secretKeys.sessionKey are both set": {
        "dashboard": {
            "existingSecret": "dashboard",
            "secretKeys": {"sessionKey": "session-key"},
            "settings": {"sessionJwksUrl": "https://login.example.com/keys"},
        }
    },
    "dashboard.settings.dashboardRole needs sessions": {"dashboard": {"settings": {"dashboardRole": "analyst"}}},
    "dashboard.settings.dashboardEditorRole needs sessions": {
        "dashboard": {"settings": {"dashboardEditorRole": "analyst"}}
    },
    "topics.minInsyncReplicas is 4": {"topics": {"minInsyncReplicas": 4}},
    "streamApp.replicas is 13": {"streamApp": {"replicas": 13}},
    "sinks.replicas is 13": {"sinks": {"replicas": 13}},
    "sinks.autoscaling.maxReplicas is 13": {"sinks": {"autoscaling": {"enabled": True, "maxReplicas": 13}}},
    "collector.autoscaling.minReplicas is 20": {
        "collector": {"autoscaling": {"enabled": True, "minReplicas": 20}}
    },
    "collector.ingress.hosts is empty": {"collector": {"ingress": {"enabled": True}}},
    "collector.ingress.tlsSecret is empty": {"collector": {"ingress": {"enabled": True}}},
    "registry.httpRoute.parentRefs is empty": {"registry": {"httpRoute": {"enabled": True}}},
    "dashboard.httpRoute.hostnames is empty": {"dashboard": {"httpRoute": {"enabled": True}}},
    "contract.files, contract.existingConfigMap and contract.volume: set only one": {
        "contract": {"files": {"custom_events.yaml": "a: B."}, "existingConfigMap": "types"}
    },
    "contract.revision is set": {"contract": {"revision": "ab12"}},
    "strimzi.cluster is empty": {"strimzi": {"topics": {"enabled": True}}},
    "strimzi.users.authentication is tls": {
        "strimzi": {"cluster": "events", "users": {"enabled": True, "authentication": "tls"}}
    },
    "strimzi.users.authentication is scram-sha-512: kafka.securityProtocol": {
        "strimzi": {"cluster": "events", "users": {"enabled": True}}
    },
    "strimzi.users.authentication is scram-sha-512: kafka.sasl.mechanism": {
        "strimzi": {"cluster": "events", "users": {"enabled": True}},
        "kafka": {"securityProtocol": "SASL_SSL", "sasl": {"mechanism": "PLAIN"}},
    },
}
# Rejected by the schema: the values, and the word that its message must contain.
REJECTED_BY_SCHEMA: dict[str, tuple[Json, str]] = {
    "a misspelt key": (at("colector.replicas", 1), "colector"),
    "a misspelt key of a component": (at("sinks.replica", 1), "replica"),
    "a misspelt setting": (at("collector.settings.drainSecond", 1), "drainSecond"),
    "a setting of another service": (at("dashboard.settings.batchRows", 1), "batchRows"),
    "a retention that is too short": (at("retention.days", 15), "days"),
    "a setting out of range": (at("sinks.settings.batchRows", 0), "batchRows"),
    "text for a number": (at("sinks.replicas", "two"), "replicas"),
    "an unknown protocol": (at("kafka.securityProtocol", "TLS"), "securityProtocol"),
    "a Job that is never deleted": (at("migrations.ttlSecondsAfterFinished", 0), "ttlSecondsAfterFinished"),
    "an impossible port": (at("collector.service.port", 70000), "port"),
    "a size without a unit": (at("collector.spool.size", "5"), "size"),
    "a truncated digest": (at("image.digests.sinks", "sha256:abc"), "digests"),
}


@pytest.mark.parametrize("message", BAD)
def test_values_that_contradict_each_other_are_named(message: str) -> None:
    with pytest.raises(HelmRenderError) as rejected:
        files(over(example("minimal"), BAD[message]))
    assert message in str(rejected.value)


@pytest.mark.parametrize("kind", REJECTED_BY_SCHEMA)
def test_a_value_that_the_schema_rejects_is_named(kind: str) -> None:
    more, name = REJECTED_BY_SCHEMA[kind]
    with pytest.raises(HelmValuesError, match=name):
        files(over(example("minimal"), more))


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(HelmRenderError) as rejected:
        files({})
    for name in ("kafka.bootstrapServers", "postgres.existingSecret", "collector.existingSecret"):
        assert f"{name} " in str(rejected.value)
