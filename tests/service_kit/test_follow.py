"""Following a topic, apart from Kafka."""

import asyncio

import pytest

from service_kit import follower as follow
from service_kit.follower import Follower
from service_kit.kafka import KafkaSettings


async def test_whatever_ends_it_it_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0

    async def fail(_follower: Follower) -> None:
        nonlocal begun
        begun += 1
        raise ValueError("a record that nobody foresaw")

    monkeypatch.setattr(Follower, "_follow", fail)
    monkeypatch.setattr(follow, "_PAUSE_SECONDS", 0)
    settings = KafkaSettings(kafka_bootstrap="nowhere:9092")
    follower = Follower(settings, "topic", client_id="test", take=lambda _records: None)
    running = asyncio.create_task(follower.run())
    async with asyncio.timeout(5):
        while begun < 3:
            await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
