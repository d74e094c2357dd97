"""The feed goes on: while Kafka is unavailable, after a fault of ours, and without an event that has no entry."""

import asyncio
import gc
from typing import Any

import orjson
import pytest

from dashboard.live import feed, feed_reader
from dashboard.live.feed_reader import FeedReader
from service_kit.kafka.settings import KafkaSettings
from tests.support.events import NOON, Record, encoded, event


async def test_a_reader_that_cannot_connect_leaves_no_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_reader, "_RETRY_SECONDS", 0.0)
    unclosed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unclosed.append(context))
    kafka = KafkaSettings(kafka_bootstrap="localhost:1")
    reader = FeedReader(kafka, has_viewers=lambda: True, send=lambda _entries, _skipped: None)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.run(), 1)
    gc.collect()
    assert unclosed == []


async def test_a_reader_that_fails_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_reader, "_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(feed_reader, "_INTERVAL_SECONDS", 0.0)
    reads, read_twice = 0, asyncio.Event()

    async def read(_reader: FeedReader) -> None:
        nonlocal reads
        reads += 1
        if reads == 2:
            read_twice.set()
        raise ValueError

    monkeypatch.setattr(FeedReader, "_read", read)
    kafka = KafkaSettings(kafka_bootstrap="localhost:1")
    reader = FeedReader(kafka, has_viewers=lambda: True, send=lambda _entries, _skipped: None)
    running = asyncio.create_task(reader.run())
    async with asyncio.timeout(5):
        await read_twice.wait()
    running.cancel()


def test_an_event_without_an_entry_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def summary(data: dict[str, Any]) -> str:
        if data["element"] == "bad":
            raise ValueError
        return str(data["element"])

    monkeypatch.setattr(feed, "_summary", summary)
    events = [event("click", event_data={"element": element}) for element in ("a", "bad", "b")]
    entries = feed.event_entries([Record(n, NOON, None, encoded(each)) for n, each in enumerate(events)])
    assert [entry["summary"] for entry in entries] == ["a", "b"]


def test_an_entry_has_what_the_client_sent_and_where_the_visitor_came_from() -> None:
    events = [
        event("click", event_data={"element": "nav", "at": {"x": 1}}),
        event(
            "page_view", event_data={"page": "/", "properties": {"a": [1]}}, source="news.example", country="DE"
        ),
        event("page_view", event_data={"page": "/b", "title": "B"}, user_key=b"u" * 16),
    ]
    entries = feed.event_entries([Record(n, NOON, None, encoded(each)) for n, each in enumerate(events)])
    assert [entry["summary"] for entry in entries] == ["nav", "news.example", "B"]
    click, arrival, view = (orjson.loads(entry["detail"]) for entry in entries)
    assert click["event_data"] == {"element": "nav", "at": {"x": 1}}
    assert arrival["event_data"] == {"page": "/", "properties": {"a": [1]}}
    assert (arrival["source"], arrival["country"], "user_key" in arrival) == ("news.example", "DE", False)
    assert (view["event_data"], view["user_key"]) == ({"page": "/b", "title": "B"}, (b"u" * 16).hex())
