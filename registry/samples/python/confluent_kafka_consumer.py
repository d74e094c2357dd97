"""Print the records of a topic: confluent-kafka with its AvroDeserializer."""

import json
import os

from confluent_kafka import DeserializingConsumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer

TOPIC = os.environ.get("TOPIC", "events")
registry = SchemaRegistryClient({"url": os.environ.get("REGISTRY", "http://localhost:3000/registry")})
consumer = DeserializingConsumer(
    {
        "bootstrap.servers": os.environ.get("BOOTSTRAP", "localhost:9092"),
        "group.id": os.environ.get("GROUP", "subscriber-sample"),
        "auto.offset.reset": "earliest",
        "value.deserializer": AvroDeserializer(registry),
    }
)
consumer.subscribe([TOPIC])
while True:
    message = consumer.poll(1.0)
    if message is not None and message.value() is not None:
        print(json.dumps(message.value(), default=str), flush=True)
