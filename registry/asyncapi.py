"""The topics of this installation as an AsyncAPI 3 document, with the Kafka bindings."""

from typing import Any

from avro_schemas.schema import Schema, latest
from avro_schemas.topic import COPY_HEADERS, EVENTS, SOURCE_OFFSET, Topic, named
from registry.installation import Brokers, Installation

Json = dict[str, Any]

_BINDING = "0.5.0"
_AVRO = "application/vnd.apache.avro;version=1.12.0"
_CONTENT_TYPE = "application/vnd.confluent.avro"
# By Kafka's name of a mechanism.
_SASL_TYPES = {"PLAIN": "plain", "SCRAM-SHA-256": "scramSha256", "SCRAM-SHA-512": "scramSha512"}
# The topic configuration that the Kafka binding has fields for.
_BINDING_CONFIG = ("cleanup.policy", "retention.ms", "retention.bytes", "delete.retention.ms", "max.message.bytes")


def document(version: str, here: Installation, registry_url: str) -> Json:
    """The document of this installation; `version` is the version of the contract."""
    servers = _servers(here.brokers, registry_url)
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "footfall",
            "version": version,
            "description": "Events of the people who use your application: validated, stored and counted.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _CONTENT_TYPE,
        "servers": servers,
        "channels": {name: _channel(topic) for name, topic in here.topics.items()},
        "operations": {f"read-{name}": _operation(topic) for name, topic in here.topics.items()},
        "components": {
            "messages": {schema.name: _message(schema) for schema in latest().values()},
            "securitySchemes": _security_schemes(here.brokers),
        },
    }


def _servers(brokers: Brokers, registry_url: str) -> Json:
    """One server for each broker that clients connect to first: a server has one host."""
    servers = [_server(address, brokers, registry_url) for address in brokers.addresses]
    return {f"kafka-{number}" if number > 1 else "kafka": each for number, each in enumerate(servers, start=1)}


def _server(address: str, brokers: Brokers, registry_url: str) -> Json:
    schemes = _security_schemes(brokers)
    return {
        "host": address,
        "protocol": "kafka-secure" if brokers.uses_tls else "kafka",
        "description": f"security.protocol={brokers.security_protocol}",
        **(
            {"security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in schemes]} if schemes else {}
        ),
        "bindings": {
            "kafka": {
                "schemaRegistryUrl": registry_url,
                "schemaRegistryVendor": "confluent",
                "bindingVersion": _BINDING,
            }
        },
    }


def _security_schemes(brokers: Brokers) -> Json:
    if brokers.uses_sasl:
        description = f"sasl.mechanism={brokers.sasl_mechanism}, with the user of your team."
        return {"sasl": {"type": _SASL_TYPES[brokers.sasl_mechanism], "description": description}}
    if brokers.uses_tls:
        return {
            "certificate": {"type": "X509", "description": "A client certificate, if the brokers ask for one."}
        }
    return {}


def _channel(topic: Topic) -> Json:
    config: Json = {
        name: _binding_value(name, value) for name, value in topic.config.items() if name in _BINDING_CONFIG
    }
    return {
        "address": topic.name,
        "description": topic.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in topic.schemas},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": config,
                "bindingVersion": _BINDING,
            }
        },
    }


def _binding_value(name: str, value: str) -> Any:
    return value.split(",") if name == "cleanup.policy" else int(value)


def _operation(topic: Topic) -> Json:
    return {
        "action": "receive",
        "summary": f"Read {topic.name}.",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in topic.schemas],
    }


def _message(schema: Schema) -> Json:
    message: Json = {
        "name": schema.subject,
        "title": schema.definition["name"],
        "summary": schema.definition["doc"],
        "contentType": _CONTENT_TYPE,
        "payload": {"schemaFormat": _AVRO, "schema": schema.definition},
        "bindings": {
            "kafka": {
                "key": {"type": "string"},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "schemaLookupStrategy": "TopicIdStrategy",
                "bindingVersion": _BINDING,
            }
        },
        "examples": [{"name": "example", "summary": "As JSON.", "payload": schema.example()}],
    }
    if schema.name in named(EVENTS).schemas:
        meanings = {**COPY_HEADERS, SOURCE_OFFSET: f"In events-TYPE only. {COPY_HEADERS[SOURCE_OFFSET]}"}
        properties = {name: {"type": "string", "description": meaning} for name, meaning in meanings.items()}
        message["headers"] = {"type": "object", "properties": properties}
    return message
