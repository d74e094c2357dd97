"""A pause lasts as long as it should, also before anything was committed or fetched."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import NoOffsetForPartitionError

from sinks.landing import kafka_source
from sinks.landing.kafka_source import KafkaSource


class WithoutOffset:
    """A consumer of a group that has committed nothing, as it is before the first `seek`."""

    def assignment(self) -> set[Any]:
        return set()

    def pause(self, *_partitions: Any) -> None: ...

    async def getmany(self, **_options: Any) -> dict[Any, Any]:
        raise NoOffsetForPartitionError


async def test_a_pause_is_not_ended_by_partitions_without_an_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    source, slept = KafkaSource.__new__(KafkaSource), list[float]()
    source._consumer, source._reassigned = WithoutOffset(), False

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(kafka_source, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(kafka_source, "time", SimpleNamespace(monotonic=lambda: sum(slept)))
    await source.wait_paused(5, asyncio.Event())
    assert sum(slept) == 5
    assert len(slept) == 10
