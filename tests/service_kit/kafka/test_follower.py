"""A follower, without Kafka."""

import asyncio

import pytest

from service_kit.kafka import follower as module
from service_kit.kafka.follower import Follower
from service_kit.kafka.settings import KafkaSettings


async def test_a_follower_starts_again_after_any_error(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = 0

    async def fail(_follower: Follower) -> None:
        nonlocal starts
        starts += 1
        raise ValueError("an unexpected record")

    monkeypatch.setattr(Follower, "_follow", fail)
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0)
    settings = KafkaSettings(kafka_bootstrap="nowhere:9092")
    follower = Follower(settings, "topic", client_id="test", on_records=lambda _partition, _records: None)
    running = asyncio.create_task(follower.run())
    async with asyncio.timeout(5):
        while starts < 3:
            await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
