"""The reader of the feed while Kafka is unavailable."""

import asyncio
import gc
from typing import Any

import pytest

from dashboard.live import feed_reader
from dashboard.live.feed_reader import FeedReader
from service_kit.kafka import KafkaSettings


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
