"""When a producer is replaced, without a broker."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaError

from producer_api.storage import producer
from producer_api.storage.producer import ReconnectingProducer, grown_topics
from service_kit.kafka.settings import KafkaSettings


class Cluster:
    """What a client got as the answer."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self.numbers = dict(numbers)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(self.numbers[topic])) if topic in self.numbers else None


def test_a_topic_has_grown_only_if_it_has_more_partitions_than_before() -> None:
    known = {"events": [0, 1], "events-rejected": list[int]()}
    for answered, grown in (
        ({"events": 2}, []),
        ({"events": 3}, ["events"]),
        ({"events": 1}, []),
        ({}, []),
        ({"events": 2, "events-rejected": 4}, ["events-rejected"]),  # it was missing
    ):
        assert grown_topics(known, Cluster(answered)) == grown  # type: ignore[arg-type] # as much of one as is used


async def test_a_producer_is_replaced_when_it_failed_and_when_a_topic_has_more_partitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(producer, "_LOOK_SECONDS", 0.01)

    async def disconnected() -> None: ...

    cluster = Cluster({"events": 2})
    made = ReconnectingProducer(
        KafkaSettings(kafka_bootstrap="nowhere:1"),
        ["events"],
        on_connect=lambda _partitions: None,
        on_disconnect=disconnected,
    )
    made.current = SimpleNamespace(client=SimpleNamespace(cluster=cluster))
    waiting = asyncio.create_task(made._until_replaced({"events": [0, 1]}))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    cluster.numbers["events"] = 4
    async with asyncio.timeout(5):
        await waiting
    made.report_failure(KafkaError("fatal"))
    async with asyncio.timeout(5):
        await made._until_replaced({"events": [0, 1, 2, 3]})
