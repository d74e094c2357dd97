"""The spool loses nothing that it accepted, whatever fails in whatever order, and publishes it in order."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from producer_api.storage import spool
from producer_api.storage.records import PublishRequest, Record
from producer_api.storage.spool import Spool
from tests.support.events import fresh_id
from tests.support.spool import disk_bytes, ids, publish_request


class FakePublisher:
    """Kafka in memory. While it fails or is unavailable it publishes nothing, and says so after a while."""

    def __init__(self) -> None:
        self.is_available, self.published = True, list[str]()
        self.fails = False

    async def publish(self, request: PublishRequest) -> list[bool]:
        if self.fails or not self.is_available:
            await asyncio.sleep(0.01)
            return [False] * len(request.records)
        self.published += ids(request)
        await asyncio.sleep(0)
        return [True] * len(request.records)


@asynccontextmanager
async def running(folder: Path, publisher: FakePublisher, max_bytes: int = 10**8) -> AsyncIterator[Spool]:
    opened = Spool(folder, max_bytes, publisher)
    await opened.start()
    try:
        yield opened
    finally:
        await opened.stop()


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_RETRY_SECONDS", 0.01)


async def test_while_kafka_is_available_nothing_is_written_to_disk(tmp_path: Path) -> None:
    publisher, sent = FakePublisher(), publish_request(3)
    async with running(tmp_path, publisher) as opened:
        assert await opened.publish(sent) == [True] * 3
    assert publisher.published == ids(sent)
    assert disk_bytes(tmp_path) == 0


async def test_events_accepted_during_an_outage_are_published_in_order_before_later_ones(tmp_path: Path) -> None:
    publisher, sent = FakePublisher(), [publish_request(2) for _ in range(30)]
    async with running(tmp_path, publisher) as opened:
        publisher.is_available = False
        for request in sent[:20]:
            assert await opened.publish(request) == [True, True]
        assert publisher.published == []
        publisher.is_available = True
        for request in sent[20:]:
            assert await opened.publish(request) == [True, True]
        await until(lambda: len(publisher.published) == 60)
        assert publisher.published == ids(*sent)
        await until(lambda: disk_bytes(tmp_path) == 0)


async def test_under_steady_load_new_events_go_straight_to_kafka_again(tmp_path: Path) -> None:
    publisher, sent = FakePublisher(), list[PublishRequest]()
    async with running(tmp_path, publisher) as opened:
        publisher.is_available = False
        stop = asyncio.Event()

        async def post() -> None:
            while not stop.is_set():
                sent.append(publish_request())
                assert await opened.publish(sent[-1]) == [True]

        posting = [asyncio.create_task(post()) for _ in range(5)]
        await until(lambda: len(sent) > 50)
        publisher.is_available = True
        await until(lambda: opened._is_direct)
        stop.set()
        await asyncio.gather(*posting)
    assert sorted(publisher.published) == sorted(ids(*sent))


async def test_what_kafka_does_not_acknowledge_in_time_goes_to_disk(tmp_path: Path) -> None:
    publisher, sent = FakePublisher(), publish_request(2)
    async with running(tmp_path, publisher) as opened:
        publisher.fails = True
        assert await opened.publish(sent) == [True, True]
        publisher.fails = False
        await until(lambda: publisher.published == ids(sent))


async def test_the_next_run_replays_what_this_one_left(tmp_path: Path) -> None:
    unavailable, sent = FakePublisher(), [publish_request() for _ in range(5)]
    unavailable.is_available = False
    async with running(tmp_path, unavailable) as opened:
        for request in sent:
            await opened.publish(request)
    back = FakePublisher()
    async with running(tmp_path, back) as opened:
        later = publish_request()
        assert await opened.publish(later) == [True]
        await until(lambda: len(back.published) == 6)
    assert back.published == ids(*sent, later)


async def test_a_full_disk_rejects_events_and_loses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, before, after = FakePublisher(), publish_request(), publish_request()
    monkeypatch.setattr(spool, "PAUSE_SECONDS", 0.1)
    async with running(tmp_path, publisher) as opened:
        publisher.is_available = False
        assert await opened.publish(before) == [True]
        real = os.fsync

        def full(_file: int) -> None:
            raise OSError(errno.ENOSPC, "no space left")

        monkeypatch.setattr(os, "fsync", full)
        assert await opened.publish(publish_request()) == [False]
        assert not opened.is_available
        monkeypatch.setattr(os, "fsync", real)
        await until(lambda: opened.is_available)
        assert await opened.publish(after) == [True]
        publisher.is_available = True
        await until(lambda: publisher.published == ids(before, after))


async def test_the_spool_is_bounded(tmp_path: Path) -> None:
    publisher = FakePublisher()
    publisher.is_available = False
    async with running(tmp_path, publisher, max_bytes=2000) as opened:
        stored = [(await opened.publish(publish_request()))[0] for _ in range(20)]
        assert 5 < sum(stored) < 20
        assert stored == sorted(stored, reverse=True)
        assert 0 < disk_bytes(tmp_path) <= 2000


def refuse(*_given: object, **_named: object) -> None:
    raise OSError(errno.ENOSPC, "no space left")


async def test_on_a_full_disk_everything_is_replayed_once_and_new_events_go_directly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, stored = FakePublisher(), [publish_request(3) for _ in range(20)]
    publisher.is_available = False
    async with running(tmp_path, publisher) as opened:
        for request in stored:
            assert await opened.publish(request) == [True] * 3
        # From now on the disk takes nothing, and lets nothing go.
        monkeypatch.setattr("producer_api.storage.segments._write_all", refuse)
        monkeypatch.setattr("producer_api.storage.segments.Segments._write_mark", refuse)
        monkeypatch.setattr("pathlib.Path.unlink", refuse)
        publisher.is_available = True
        await until(lambda: len(publisher.published) >= 60)
        await until(lambda: opened._is_direct)
        new = publish_request(3)
        assert await opened.publish(new) == [True] * 3
    assert publisher.published == ids(*stored, new)


async def test_a_disk_that_cannot_be_read_for_a_while_does_not_end_the_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "PAUSE_SECONDS", 0.01)
    publisher, stored = FakePublisher(), publish_request(3)
    publisher.is_available = False
    reads = 0
    read = spool.Segments.read

    def read_or_fail(segments: spool.Segments) -> object:
        nonlocal reads
        reads += 1
        return read(segments) if reads > 3 else refuse()

    async with running(tmp_path, publisher) as opened:
        assert await opened.publish(stored) == [True] * 3
        monkeypatch.setattr(spool.Segments, "read", read_or_fail)
        publisher.is_available = True
        await until(lambda: publisher.published == ids(stored))
    assert reads > 3


async def test_a_mark_that_is_older_than_the_deletion_of_its_segment_loses_nothing(tmp_path: Path) -> None:
    publisher, first, second = FakePublisher(), publish_request(3), publish_request(3)
    publisher.is_available = False
    for request in (first, second):
        async with running(tmp_path, publisher) as opened:
            await opened.publish(request)
    segments = [tmp_path / f"{number:012d}.spool" for number in (1, 2)]
    (tmp_path / "replayed").write_text(f"{int(segments[0].stem)} {segments[0].stat().st_size}\n")
    segments[0].unlink()
    publisher.is_available = True
    async with running(tmp_path, publisher):
        await until(lambda: publisher.published == ids(second))


class SmallTopic(FakePublisher):
    """Takes no record of more than so many bytes."""

    max_bytes = 100

    def is_too_large(self, _key: bytes | None, record: Record) -> bool:
        return len(record.value) > self.max_bytes

    async def publish(self, request: PublishRequest) -> list[bool]:
        fitting = [record for record in request.records if not self.is_too_large(None, record)]
        durable = all(await super().publish(PublishRequest(request.key, fitting)))
        return [durable and record in fitting for record in request.records]


async def test_what_became_too_large_for_the_topic_waits_aside_and_stops_nothing(tmp_path: Path) -> None:
    publisher, stored = SmallTopic(), [publish_request(3) for _ in range(5)]
    stored[2] = PublishRequest(b"k", [*stored[2].records[:2], Record(fresh_id(), b"x" * 101, [("ce_id", b"x")])])
    large = stored[2].records[2]
    publisher.is_available, publisher.max_bytes = False, 1_000

    def opened_spool() -> Spool:
        return Spool(tmp_path, 10**8, publisher, publisher.is_too_large)

    opened = opened_spool()
    await opened.start()
    for request in stored:
        assert await opened.publish(request) == [True] * 3
    # max.message.bytes is lowered while the spool is full.
    publisher.is_available, publisher.max_bytes = True, 100
    await until(lambda: opened._is_direct)
    await opened.stop()
    assert publisher.published == [each for each in ids(*stored) if each != large.event_id]
    assert (tmp_path / "aside").exists()
    # A start changes nothing while the topic takes no more; when it does, no start is needed.
    publisher.published = []
    opened = opened_spool()
    await opened.start()
    await until(lambda: opened._is_direct)
    assert publisher.published == []
    assert (tmp_path / "aside").exists()
    publisher.max_bytes = 1_000
    await until(lambda: bool(publisher.published) and opened._is_direct)
    assert await opened.publish(stored[0]) == [True] * 3
    await opened.stop()
    assert publisher.published == [large.event_id, *ids(stored[0])]
    assert not (tmp_path / "aside").exists()


async def test_what_is_still_too_large_goes_aside_again_when_the_topic_takes_more(tmp_path: Path) -> None:
    publisher = SmallTopic()
    publisher.is_available, publisher.max_bytes = False, 1_000
    sent = PublishRequest(b"k", [Record(fresh_id(), b"x" * size, [("ce_id", b"x")]) for size in (300, 200, 10)])
    opened = Spool(tmp_path, 10**8, publisher, publisher.is_too_large)
    await opened.start()
    assert await opened.publish(sent) == [True] * 3
    publisher.is_available = True
    large, middle, small = ids(sent)
    for publisher.max_bytes, expected in ((100, [small]), (250, [small, middle]), (300, [small, middle, large])):
        await until(lambda expected=expected: publisher.published == expected and opened._is_direct)  # type: ignore[misc]
    assert not (tmp_path / "aside").exists()
    await opened.stop()


@pytest.mark.parametrize("available", [True, False])
async def test_no_event_is_stored_that_the_topic_would_not_take(tmp_path: Path, *, available: bool) -> None:
    publisher = SmallTopic()
    publisher.is_available = available
    sent = PublishRequest(b"k", [Record(fresh_id(), b"x" * size, []) for size in (10, 101, 20)])
    opened = Spool(tmp_path, 10**8, publisher, publisher.is_too_large)
    await opened.start()
    assert await opened.publish(sent) == [True, False, True]
    publisher.is_available = True
    await until(lambda: opened._is_direct)
    await opened.stop()
    assert publisher.published == ids(PublishRequest(b"k", [sent.records[0], sent.records[2]]))
    assert not (tmp_path / "aside").exists()
