"""A worker does not join the group without its state's changelog, and returns partitions that come without it."""

from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import Consumer

from stream_app.engine.assignment import MAX_MISSING_SECONDS, Persistence
from stream_app.engine.consumer import BatchConsumer


def test_only_what_lasts_without_a_break_counts() -> None:
    missing = Persistence(MAX_MISSING_SECONDS)
    assert not missing.lasts(True, now=0.0)
    assert not missing.lasts(True, now=MAX_MISSING_SECONDS - 1)
    assert not missing.lasts(False, now=MAX_MISSING_SECONDS)
    assert not missing.lasts(True, now=MAX_MISSING_SECONDS + 1)
    assert missing.lasts(True, now=2 * MAX_MISSING_SECONDS + 1)


@pytest.mark.parametrize(
    ("topics", "joins"), [({"events"}, False), (set[str](), False), ({"events", "changelog"}, True)]
)
async def test_a_worker_joins_with_its_changelog_or_not_at_all(
    topics: set[str], joins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribed: list[set[str]] = []

    async def subscribe(_self: Any, topics: set[str]) -> None:
        subscribed.append(topics)

    monkeypatch.setattr(Consumer, "subscribe", subscribe)
    consumer = BatchConsumer.__new__(BatchConsumer)
    consumer.app = SimpleNamespace(changelog_topic="changelog")  # type: ignore[assignment]
    await consumer.subscribe(topics)
    assert subscribed == ([topics] if joins else [])
