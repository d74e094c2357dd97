"""The records on `events` and on the topic of one type, as the CloudEvents SDK reads them from a real broker."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from aiokafka.structs import ConsumerRecord

from avro_schemas.schema import latest, typed_events
from footfall.kafka.topics import create_missing
from service_kit.kafka.settings import KafkaSettings
from tests.support.cloudevents import cloud_event
from tests.support.topics import read_all
from tests.support.workers import Worker

pytestmark = pytest.mark.integration

KEY = "a session key of thirty-two characters"


def mixed_batch() -> list[Any]:
    examples = [latest()[name].example() for name in (*typed_events(), "custom")]
    return [{name: each[name] for name in ("event_type", "event_data")} for each in examples]


async def test_the_sdk_takes_every_record_of_events_and_of_a_topic_of_one_type(
    settings: KafkaSettings, tmp_path: Path
) -> None:
    await create_missing(settings, event_topics=["page_view"])
    kafka = {"kafka_bootstrap": settings.kafka_bootstrap, "topic_prefix": settings.topic_prefix}
    keys = {"hash_key": "a hash key for tests", "session_key": KEY}
    collector = Worker("producer_api", tmp_path / "collector.log", port="PORT", host="127.0.0.1", **kafka, **keys)
    copier = Worker("stream_app", tmp_path / "stream_app.log", event_topics="page_view", **kafka)
    try:
        for worker in (collector, copier):
            await asyncio.to_thread(worker.start)
        await asyncio.to_thread(post_as_all_kinds_of_visitors, collector.port)
        events = await read_all(settings.kafka_bootstrap, settings.name("events"))
        copies = await copied(settings, wanted=3)
    finally:
        for worker in (collector, copier):
            worker.kill()
    assert len(events) == 3 * len(mixed_batch())
    read = {(event := cloud_event(record, record.key)).get_id(): event for record in events}
    for record in copies:
        event = cloud_event(record, record.key)
        assert event.get_type() == "page_view"
        assert event.get_attributes() == read[event.get_id()].get_attributes()


def post_as_all_kinds_of_visitors(port: int) -> None:
    """A user, a session without a user, and a visitor who opted out."""
    claims = {"sub": "ann", "sid": "one"}, {"sid": "two"}, {"sub": "bob"}
    for number, each in enumerate(claims):
        cookie = f"session={jwt.encode({'exp': int(time.time()) + 600} | each, KEY)}"
        opt_out = {"dnt": "1"} if number == 2 else {}
        answer = httpx.post(
            f"http://127.0.0.1:{port}/api/analytics/collect",
            json=mixed_batch(),
            headers={"cookie": cookie} | opt_out,
            timeout=10,
        )
        assert answer.status_code == 200, answer.text


async def copied(settings: KafkaSettings, wanted: int) -> list[ConsumerRecord]:
    """The copies, once they are all there."""
    deadline = time.monotonic() + 60
    while True:
        found = await read_all(settings.kafka_bootstrap, settings.name("events-page_view"))
        if len(found) >= wanted:
            return found
        assert time.monotonic() < deadline, f"{len(found)} copies"
        await asyncio.sleep(0.2)
