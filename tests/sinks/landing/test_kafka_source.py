"""A pause lasts as long as it should, and what was fetched covers every offset since the last fetch."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import NoOffsetForPartitionError

from service_kit.kafka.fetches import Covered, EmptySpan, Fetches
from service_kit.kafka.unreadable import StoppedPartitions
from sinks.landing import kafka_source
from sinks.landing.kafka_source import KafkaSource
from sinks.landing.rows import decode_batch
from tests.support.events import Record


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


TP = TopicPartition("events", 0)


class Polled:
    """A consumer whose polls bring these records, or only that offsets hold none."""

    def __init__(self, fetches: Fetches, polls: list[Covered]) -> None:
        self._fetches, self._polls = fetches, polls

    def assignment(self) -> set[TopicPartition]:
        return {TP}

    def resume(self, *_partitions: Any) -> None: ...

    async def getmany(self, **_options: Any) -> dict[TopicPartition, Covered]:
        if not self._polls:
            await asyncio.sleep(0.01)
            return {}
        polled = self._polls.pop(0)
        if polled:
            return {TP: polled}
        self._fetches.add(TP, EmptySpan(polled.start, polled.next, polled.epoch))
        return {}


def records(first: int, end: int) -> Covered:
    return Covered([Record(offset, 0, None, b"") for offset in range(first, end)], first, end, 1)


def nothing(first: int, end: int) -> Covered:
    return Covered((), first, end, 1)


@pytest.mark.parametrize(
    "polls",
    [
        pytest.param([nothing(5, 9), nothing(9, 12), records(12, 20)], id="aborted, then records"),
        pytest.param([records(5, 9), nothing(9, 12), records(12, 20)], id="aborted between records"),
        pytest.param([records(5, 9), nothing(9, 20)], id="aborted behind records"),
        pytest.param([nothing(5, 20)], id="only aborted"),
    ],
)
async def test_a_fetch_covers_all_offsets_wherever_those_without_a_record_are(
    monkeypatch: pytest.MonkeyPatch, polls: list[Covered]
) -> None:
    monkeypatch.setattr(kafka_source, "_FETCH_TIMEOUT_SECONDS", 0.1)
    source = KafkaSource.__new__(KafkaSource)
    source._fetches, source.stopped = Fetches(), StoppedPartitions()
    source._consumer = Polled(
        source._fetches, [Covered(each, each.start, each.next, each.epoch) for each in polls]
    )
    source._reassigned, source._next, source._epochs = False, {0: 5}, {}
    fetched = (await source.fetch(100, 10**6, 0.1))[0]
    batch = decode_batch({0: fetched}, {0: 5})
    covered, count = batch.ranges[0], sum(map(len, polls))
    assert (covered.start, covered.next, covered.empty) == (5, 20, 15 - count)
    assert source._next == {0: 20}
