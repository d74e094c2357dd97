"""The spool loses nothing that it took, in any order of faults, and brings it back in order."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer_api.storage import frames, segments, spool
from producer_api.storage.frames import pack, unpack
from producer_api.storage.records import Outgoing, Record
from producer_api.storage.segments import Position, Segments, SpoolInUse
from producer_api.storage.spool import Spool
from tests.support.events import NOON, fresh_id

records = st.builds(
    Record,
    st.just("evt_") | st.text(max_size=40),
    st.binary(max_size=300),
    st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50)), max_size=6),
)
batches = st.builds(Outgoing, st.none() | st.binary(max_size=16), st.lists(records, min_size=1, max_size=5))


def some(count: int = 1, key: bytes | None = b"k" * 16) -> Outgoing:
    return Outgoing(key, [Record(fresh_id(), os.urandom(100), [("ce_id", b"x")]) for _ in range(count)])


def ids(*outgoing: Outgoing) -> list[str]:
    return [record.event_id for each in outgoing for record in each.records]


@given(st.lists(batches, min_size=1, max_size=5))
def test_what_is_packed_is_unpacked_the_same(written: list[Outgoing]) -> None:
    content = b"".join(pack(outgoing, NOON) for outgoing in written)
    read = list(unpack(content, 100, is_end=True))
    assert [(f.outgoing.key, list(f.outgoing.records)) for f in read] == [
        (o.key, list(o.records)) for o in written
    ]
    assert read[-1].end == 100 + len(content)
    assert {frame.written_at for frame in read} == {NOON}


@given(batches, batches, st.data())
def test_a_frame_that_was_cut_or_not_finished_is_left_out(
    first: Outgoing, second: Outgoing, data: st.DataObject
) -> None:
    whole, torn = pack(first, NOON), pack(second, NOON)
    cut = data.draw(st.integers(0, len(torn) - 1))
    for content in (
        whole + torn[:cut],
        whole + torn[:cut].ljust(len(torn), b"\0"),
        whole + bytes(cut) + torn[cut:],
    ):
        assert [f.end for f in unpack(content, 0, is_end=True)] in ([len(whole)], [len(whole), len(content)])


@given(batches, st.data())
def test_a_flipped_bit_before_the_end_is_noticed(outgoing: Outgoing, data: st.DataObject) -> None:
    frame = pack(outgoing, NOON)
    at = data.draw(st.integers(0, len(frame) - 1))
    damaged = frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]
    with pytest.raises(frames.Damaged):
        list(unpack(damaged + frame, 0, is_end=True))


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.spool"))


def read_all(folder: Path) -> list[str]:
    opened, found = Segments(folder), []
    while read := opened.read():
        found += ids(*(frame.outgoing for frame in read))
        opened.mark_replayed(Position(opened.replayed.segment, read[-1].end))
    opened.close()
    return found


def write(folder: Path, *written: Outgoing) -> None:
    opened = Segments(folder)
    for outgoing in written:
        opened.append(pack(outgoing, NOON))
    opened.close()


def test_segments_give_back_in_order_what_they_took_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1000)
    written = [some(3) for _ in range(20)]
    write(tmp_path, *written[:10])
    write(tmp_path, *written[10:])
    assert len(list(tmp_path.glob("*.spool"))) > 5
    assert read_all(tmp_path) == ids(*written)
    assert list(tmp_path.glob("*.spool")) == []
    assert read_all(tmp_path) == []


def test_a_torn_end_costs_only_the_frame_that_was_being_written(tmp_path: Path) -> None:
    first, second = some(2), some(2)
    size = len(pack(second, NOON))
    for lost in (1, 5, size - 9, size - 1):
        folder = tmp_path / str(lost)
        write(folder, first, second)
        (path,) = folder.glob("*.spool")
        os.truncate(path, path.stat().st_size - lost)
        after = some()
        write(folder, after)
        assert read_all(folder) == ids(first, after)


def test_damage_costs_its_segment_only_and_is_kept_aside(tmp_path: Path) -> None:
    written = [some(), some(), some()]
    write(tmp_path, *written)
    (path,) = tmp_path.glob("*.spool")
    content = bytearray(path.read_bytes())
    content[len(pack(written[0], NOON)) + 20] ^= 1
    path.write_bytes(content)
    after = some()
    write(tmp_path, after)
    assert read_all(tmp_path) == ids(written[0], after)
    assert len(list(tmp_path.glob("*.damaged"))) == 1


def test_a_folder_has_one_collector(tmp_path: Path) -> None:
    opened = Segments(tmp_path)
    with pytest.raises(SpoolInUse, match="FOOTFALL_SPOOL_DIR"):
        Segments(tmp_path)
    opened.close()
    Segments(tmp_path).close()


class LocalPublisher:
    """Kafka in memory, which can be away: then it keeps nothing, after a while or at once."""

    def __init__(self) -> None:
        self.is_open, self.kept = True, list[str]()
        self.fails = False

    async def keep(self, outgoing: Outgoing) -> list[bool]:
        if self.fails or not self.is_open:
            await asyncio.sleep(0.01)
            return [False] * len(outgoing.records)
        self.kept += ids(outgoing)
        await asyncio.sleep(0)
        return [True] * len(outgoing.records)


@asynccontextmanager
async def running(folder: Path, publisher: LocalPublisher, max_bytes: int = 10**8) -> AsyncIterator[Spool]:
    made = Spool(folder, max_bytes, publisher)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def until(met: Any, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_RETRY_SECONDS", 0.01)


async def test_with_kafka_there_nothing_touches_the_disk(tmp_path: Path) -> None:
    publisher, sent = LocalPublisher(), some(3)
    async with running(tmp_path, publisher) as made:
        assert await made.keep(sent) == [True] * 3
    assert publisher.kept == ids(sent)
    assert on_disk(tmp_path) == 0


async def test_what_came_while_kafka_was_away_arrives_in_order_before_what_comes_after(tmp_path: Path) -> None:
    publisher, sent = LocalPublisher(), [some(2) for _ in range(30)]
    async with running(tmp_path, publisher) as made:
        publisher.is_open = False
        for outgoing in sent[:20]:
            assert await made.keep(outgoing) == [True, True]
        assert publisher.kept == []
        publisher.is_open = True
        for outgoing in sent[20:]:
            assert await made.keep(outgoing) == [True, True]
        await until(lambda: len(publisher.kept) == 60)
        assert publisher.kept == ids(*sent)
        await until(lambda: on_disk(tmp_path) == 0)


async def test_new_events_go_straight_to_kafka_again_under_steady_load(tmp_path: Path) -> None:
    publisher, sent = LocalPublisher(), list[Outgoing]()
    async with running(tmp_path, publisher) as made:
        publisher.is_open = False
        stop = asyncio.Event()

        async def post() -> None:
            while not stop.is_set():
                sent.append(some())
                assert await made.keep(sent[-1]) == [True]

        posting = [asyncio.create_task(post()) for _ in range(5)]
        await until(lambda: len(sent) > 50)
        publisher.is_open = True
        await until(lambda: made._is_direct)
        stop.set()
        await asyncio.gather(*posting)
    assert sorted(publisher.kept) == sorted(ids(*sent))


async def test_what_kafka_did_not_acknowledge_in_time_goes_to_the_disk(tmp_path: Path) -> None:
    publisher, sent = LocalPublisher(), some(2)
    async with running(tmp_path, publisher) as made:
        publisher.fails = True
        assert await made.keep(sent) == [True, True]
        publisher.fails = False
        await until(lambda: publisher.kept == ids(sent))


async def test_the_next_run_replays_what_this_one_left(tmp_path: Path) -> None:
    away, sent = LocalPublisher(), [some() for _ in range(5)]
    away.is_open = False
    async with running(tmp_path, away) as made:
        for outgoing in sent:
            await made.keep(outgoing)
    back = LocalPublisher()
    async with running(tmp_path, back) as made:
        later = some()
        assert await made.keep(later) == [True]
        await until(lambda: len(back.kept) == 6)
    assert back.kept == ids(*sent, later)


async def test_a_full_disk_refuses_and_keeps_what_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, before, after = LocalPublisher(), some(), some()
    monkeypatch.setattr(spool, "PAUSE_SECONDS", 0.1)
    async with running(tmp_path, publisher) as made:
        publisher.is_open = False
        assert await made.keep(before) == [True]
        real = os.fsync

        def full(_file: int) -> None:
            raise OSError(errno.ENOSPC, "no space left")

        monkeypatch.setattr(os, "fsync", full)
        assert await made.keep(some()) == [False]
        assert not made.is_open
        monkeypatch.setattr(os, "fsync", real)
        await until(lambda: made.is_open)
        assert await made.keep(after) == [True]
        publisher.is_open = True
        await until(lambda: publisher.kept == ids(before, after))


async def test_the_spool_is_bounded(tmp_path: Path) -> None:
    publisher = LocalPublisher()
    publisher.is_open = False
    async with running(tmp_path, publisher, max_bytes=2000) as made:
        kept = [(await made.keep(some()))[0] for _ in range(20)]
        assert 5 < sum(kept) < 20
        assert kept == sorted(kept, reverse=True)
        assert 0 < on_disk(tmp_path) <= 2000
