"""The topics as an AsyncAPI 3 document, with the Kafka bindings."""

from typing import Any

from avro_schemas.schema import Schema, latest
from avro_schemas.topic import EVENT_HEADERS, EVENTS, Topic, all_topics

Json = dict[str, Any]

_BINDING = "0.5.0"
_AVRO = "application/vnd.apache.avro;version=1.12.0"
_CONTENT_TYPE = "application/vnd.confluent.avro"
# The topic configuration that the Kafka binding has fields for.
_BINDING_CONFIG = ("cleanup.policy", "retention.ms", "retention.bytes", "delete.retention.ms", "max.message.bytes")


def document(version: str, registry_url: str = "/registry") -> Json:
    """The document; `version` is the version of the contract."""
    carried = {name: topic for name, topic in all_topics().items() if topic.schemas}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "footfall",
            "version": version,
            "description": "Events of the people who use your application: validated, stored and counted.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _CONTENT_TYPE,
        "servers": {"kafka": _server(registry_url)},
        "channels": {name: _channel(topic) for name, topic in carried.items()},
        "operations": {f"read-{name}": _operation(topic) for name, topic in carried.items()},
        "components": {"messages": {schema.name: _message(schema) for schema in latest().values()}},
    }


def _server(registry_url: str) -> Json:
    return {
        "host": "localhost:9092",
        "protocol": "kafka",
        "description": "Kafka as `footfall up` starts it; in production another one.",
        "bindings": {
            "kafka": {
                "schemaRegistryUrl": registry_url,
                "schemaRegistryVendor": "confluent",
                "bindingVersion": _BINDING,
            }
        },
    }


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
    if schema.name in all_topics()[EVENTS].schemas:
        properties = {name: {"type": "string", "description": meaning} for name, meaning in EVENT_HEADERS.items()}
        message["headers"] = {"type": "object", "properties": properties}
    return message
