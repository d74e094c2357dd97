"""The collector and the topic `events`: ready when it is as it must be, and no larger events than it takes."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from footfall.kafka.topic_changes import Change, apply
from footfall.kafka.topics import create_missing, existing_topics
from service_kit.kafka.settings import KafkaSettings
from service_kit.kafka.topic_description import admin_client
from tests.support.collectors import CLICK, COLLECT, Start, collectors, records, session
from tests.support.events import fresh_id, now_ms
from tests.support.workers import Worker

pytestmark = pytest.mark.integration


@pytest.fixture
def start(settings: KafkaSettings, tmp_path: Path) -> Iterator[Start]:
    yield from collectors(settings, tmp_path)


async def test_a_collector_is_ready_when_events_is_as_it_must_be_and_goes_by_the_size_that_it_takes(
    start: Start, settings: KafkaSettings, tmp_path: Path
) -> None:
    state = "footfall-stream-app-state-changelog"
    await alter(settings, "events", "message.timestamp.type", "CreateTime")
    await alter(settings, state, "cleanup.policy", "compact,delete")
    worker = Worker(
        "stream_app",
        tmp_path / "stream_app.log",
        kafka_bootstrap=settings.kafka_bootstrap,
        topic_prefix=settings.topic_prefix,
    )
    worker.start(wait=0)
    try:
        collector = start(wait=0, events_per_minute=10_000)
        await until_status(collector, "message.timestamp.type of events is CreateTime instead of LogAppendTime")
        await until(lambda: "cleanup.policy of footfall" in (worker.unready_because() or ""))
        changed = {each.topic: each.changes for each in await create_missing(settings) if each.changes}
        assert changed.keys() == {"events", state}
        await until_status(collector, "ok")
        await until(worker.is_ready)
    finally:
        worker.end()
    # Nobody has told it yet: it learns from what the broker refuses, at the cost of an answer to send again.
    await alter(settings, "events", "max.message.bytes", "12000")
    sent = [click_with(2_000) for _ in range(60)]
    async with asyncio.timeout(30):
        while not (answer := collector.post(COLLECT, json=sent, headers=session()).json())["success"]:
            assert {each["status"] for each in answer["results"]} <= {"accepted", "duplicate", "retry"}, answer
            await asyncio.sleep(0.1)
    large = click_with(13_000)
    async with asyncio.timeout(30):
        while (answer := collector.post(COLLECT, json=large, headers=session("bob"))).status_code == 503:
            await asyncio.sleep(0.1)
    assert answer.status_code == 413
    assert "max.message.bytes of the topic events" in answer.json()["errors"][0]["expected"]
    mixed = collector.post(COLLECT, json=[CLICK, large, CLICK], headers=session("bob")).json()
    assert [result["status"] for result in mixed["results"]] == ["accepted", "rejected", "accepted"]
    metrics = collector.get("/metrics").text
    assert "footfall_collector_producer_restarts_total 0.0" in metrics
    assert 'footfall_topic_faults{topic="events"} 0.0' in metrics
    stored = [event["event_id"] for _key, event in await records(settings)]
    assert {each["event_id"] for each in sent} <= set(stored)
    assert large["event_id"] not in stored
    reasons = [event["reason"] for _key, event in await records(settings, "events-rejected")]
    assert set(reasons) == {"topic_limit"}


def click_with(size: int) -> dict[str, Any]:
    """A click with so much in its properties."""
    return CLICK | {
        "event_id": fresh_id(now_ms()),
        "event_data": {"element": "logo", "properties": {f"text{n}": "x" * 1_000 for n in range(size // 1_000)}},
    }


async def alter(settings: KafkaSettings, topic: str, key: str, value: str) -> None:
    """Change a setting as another team would, and wait until the broker says so."""
    async with admin_client(settings) as admin:
        await apply(admin, settings, [Change(topic, ((key, value),))])
    async with asyncio.timeout(20):
        while ((await existing_topics(settings))[topic].config or {})[key] != value:
            await asyncio.sleep(0.1)


async def until_status(collector: httpx.Client, expected: str) -> None:
    await until(lambda: expected in ready_status(collector))


def ready_status(collector: httpx.Client) -> str:
    try:
        return str(collector.get("/readyz").json()["status"])
    except httpx.TransportError:
        return "not started yet"


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not await asyncio.to_thread(what):
            await asyncio.sleep(0.1)
