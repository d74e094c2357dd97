"""Attacks by another producer: records that footfall did not write, in every topic that it reads."""

import json
from typing import Any

from aiokafka import AIOKafkaProducer

from avro_schemas.topic import all_topics
from tests.attacks.target import Outcomes, Target
from tests.support.events import encoded, event, now_ms, user_key
from tests.support.record_batches import produce, record_batch

PARTITIONS = 3


async def foreign_records(target: Target) -> Outcomes:
    """Text, JSON, unknown schemas, cut records, names of headers that are not UTF-8, and a megabyte, in all topics."""
    whole = encoded(event("click", now_ms()))
    values: list[bytes | None] = [
        *(b"", None, b"test", json.dumps({"event": "test"}).encode(), b"\0" * 5, b"\0\0\0\0\x09" + b"x" * 50),
        *(whole[:-1], whole[:20], b"x" * 900_000, b"\0\x7f\xff\xff\xffx"),
    ]
    keys = [None, b"", b"test", b"\xff\xfe", user_key("ann")]
    sent = Outcomes()
    async with AIOKafkaProducer(bootstrap_servers=target.kafka) as producer:
        for topic in all_topics().values():
            for number, value in enumerate(values):
                key = keys[number % len(keys)]
                if key is None and "compact" in topic.config["cleanup.policy"]:
                    key = b"test"  # the broker refuses others
                headers = [("x" * 100, b"\xff"), ("", None)] if number % 2 else []
                await producer.send_and_wait(
                    topic.name, value, key=key, partition=number % PARTITIONS, headers=headers
                )
                sent[topic.name] += 1
    for topic in all_topics().values():
        records: list[tuple[bytes | None, bytes | None]] = [(b"0|c", b"value")]
        not_utf8 = record_batch(0, 1, header={0: b"\xff\xfe"}, records=records, timestamp=now_ms())
        await produce(target.kafka, topic.name, 0, not_utf8)
        sent[topic.name] += 1
    return sent


async def events_past_the_collector(target: Target) -> Outcomes:
    """Events that are good Avro, with values that the collector would have rejected."""
    odd: list[dict[str, Any]] = [
        {"event_type": "web_vital", "event_data": {"metric": "LCP", "value": 1.79e308, "page": "/"}},
        {"event_type": "web_vital", "event_data": {"metric": "LCP x", "value": float("nan"), "page": "/"}},
        {"event_data": {"text": "a\0b"}},
        {"page": "/" + "x" * 100_000},
        {"device": {"browser": "b" * 9_000, "system": "s", "kind": "k", "bot": None}},
        {"occurred_at": -(2**62)},
        {"received_at": 2**62},
        {"site": "\0" * 200, "country": "x" * 1_000},
    ]
    sent = Outcomes()
    async with AIOKafkaProducer(bootstrap_servers=target.kafka) as producer:
        for changes in odd:
            key = user_key("mallory")
            value = encoded(event(now=now_ms(), user_key=key, **{"event_type": "click"} | changes))
            await producer.send_and_wait("events", value, key=key)
            sent["sent"] += 1
    return sent
