"""Fetches say which offsets they cover, and with which leader epoch."""

import struct
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from service_kit.kafka.fetches import Covered, EmptySpan, Fetches, follow_fetches

TP = TopicPartition("events", 0)
_CONTROL = 0x20


def batch(offset: int, epoch: int, count: int = 1, *, control: bool = False) -> bytes:
    """A record batch as a broker sends it."""
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1_000_000)
    for place in range(count):
        builder.append(place, timestamp=1, key=b"\0\0\0\1", value=b"v", headers=[])
    made = bytearray(builder.build())
    made[:8] = struct.pack(">q", offset)
    made[12:16] = struct.pack(">i", epoch)
    made[22] |= _CONTROL * control
    return bytes(made)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Fetches:
    for name in ("FetchResult", "MemoryRecords", "PartitionRecords"):
        monkeypatch.setattr(fetcher, name, getattr(fetcher, name))
    return follow_fetches()


def result(fetched: bytes, offset: int) -> Any:
    """What a fetch from `offset` on brought."""
    position = SimpleNamespace(paused=False, position=offset)
    position.consumed_to = lambda to: setattr(position, "position", to)
    records = fetcher.MemoryRecords(fetched)
    part = fetcher.PartitionRecords(TP, records, [], offset, None, None, False, fetcher.READ_COMMITTED)
    assignment = SimpleNamespace(active=True, state_value=lambda _tp: position)
    return fetcher.FetchResult(TP, assignment=assignment, partition_records=part, backoff=0)


def seen(covered: Covered) -> tuple[list[int], int, int, int]:
    return [record.offset for record in covered], covered.start, covered.next, covered.epoch


def test_markers_and_removed_records_are_covered(found: Fetches) -> None:
    fetch = result(batch(3, 1, 3) + batch(6, 2, control=True) + batch(9, 4) + batch(10, 4, control=True), 2)
    assert seen(fetch.getall(2)) == ([3, 4], 2, 5, 1)
    assert seen(fetch.getall(2)) == ([5, 9], 5, 10, 4)
    assert seen(fetch.getall(2)) == ([], 10, 11, 4)
    assert not fetch.has_more()
    assert found.empty_from(TP, 9) is None
    assert found.empty_from(TP, 10) == EmptySpan(10, 11, 4)


def test_spans_without_records_are_followed_as_far_as_they_are_known(found: Fetches) -> None:
    for span in ((5, 7, 1), (7, 8, 2), (9, 10, 3)):
        found.add(TP, EmptySpan(*span))
    assert found.empty_from(TopicPartition("events", 1), 5) is None
    assert found.empty_from(TP, 5) == EmptySpan(5, 8, 2)
