"""The landing loop: everything that is fetched lands once, whatever goes wrong in between."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from service_kit.kafka.topic_log import EpochEnd
from sinks.landing.errors import CannotContinue, Fenced, StoreUnavailable, WriteTimeout
from sinks.landing.loop import BatchLimits, Landing
from sinks.landing.ports import CommitCheck, WriteResult, accept_all
from sinks.landing.rows import Batch
from tests.support.events import NOON, Record, encoded, event
from tests.support.fakes import LocalSource, LocalStore

LIMITS = BatchLimits(rows=7, max_rows=14, max_bytes=10_000, max_age_seconds=0.01)
LOG = {p: [Record(offset, NOON, None, encoded(event("click"))) for offset in range(20)] for p in range(3)}


async def land(source: LocalSource, store: LocalStore, *, accept_gap: bool = False) -> None:
    """Run until everything has landed."""
    landing = Landing(source, store, LIMITS, accept_gap=accept_gap)
    stopping = asyncio.Event()
    running = asyncio.create_task(landing.run(stopping))
    async with asyncio.timeout(10):
        while not running.done() and sum(store.next.values()) < sum(map(len, LOG.values())):
            await asyncio.sleep(0)
    stopping.set()
    await running


class FlakyStore(LocalStore):
    """Every other write fails, before it has written anything or after it has written everything."""

    def __init__(self, fail: Callable[[], Exception], *, after: bool) -> None:
        super().__init__()
        self._fail, self._after, self._calls = fail, after, 0

    def write(self, batch: Batch, check_before_commit: CommitCheck = accept_all) -> WriteResult:
        self._calls += 1
        if self._calls % 2 and not self._after:
            raise self._fail()
        result = super().write(batch, check_before_commit)
        if self._calls % 2:
            raise self._fail()
        return result


async def test_a_log_that_lost_what_landed_is_a_stop_however_it_grew() -> None:
    """Until the offsets are moved back, which forgets the epoch."""
    store, source = LocalStore(), LocalSource(LOG)
    store.next, store.epochs, source.ends = {1: 10}, {1: 4}, {1: EpochEnd(4, 7)}
    with pytest.raises(CannotContinue, match=r"from offset 7 to 9 of partition 1, .* --from-offset 7"):
        await land(source, store)
    store.next, store.epochs = {1: 7}, {}
    await land(source, store)
    assert store.next == {0: 20, 1: 20, 2: 20}


async def test_a_replay_is_noticed_though_nothing_new_arrives() -> None:
    store = LocalStore()
    landing = Landing(LocalSource(LOG), store, LIMITS, look_again_seconds=0)
    stopping = asyncio.Event()
    running = asyncio.create_task(landing.run(stopping))
    async with asyncio.timeout(10):
        for moved in ({}, {0: 3, 2: 0}):
            store.next |= moved
            while store.next != {0: 20, 1: 20, 2: 20}:
                await asyncio.sleep(0)
    stopping.set()
    await running


async def test_everything_lands() -> None:
    store = LocalStore()
    await land(LocalSource(LOG), store)
    assert len(store.rows) == 60


@pytest.mark.parametrize("after", [pytest.param(False, id="before the commit"), pytest.param(True, id="in doubt")])
@pytest.mark.parametrize("fail", [lambda: StoreUnavailable("no connection"), lambda: Fenced([1])])
async def test_nothing_is_lost_or_lands_twice_if_the_store_fails(
    fail: Callable[[], Exception], after: bool
) -> None:
    store, source = FlakyStore(fail, after=after), LocalSource(LOG)
    await land(source, store)
    assert len(store.rows) == 60
    assert store.next == {0: 20, 1: 20, 2: 20}


async def test_after_an_hour_without_a_store_landing_goes_on_within_seconds() -> None:
    source = LocalSource(LOG)

    class UnavailableStore(LocalStore):
        def prepare(self) -> None:
            if source.paused < 3600:
                raise StoreUnavailable("no connection")

    store = UnavailableStore()
    await land(source, store)
    assert len(store.rows) == 60
    assert source.paused < 3605


class SlowStore(LocalStore):
    """Times out on batches of more than three rows."""

    def write(self, batch: Batch, check_before_commit: CommitCheck = accept_all) -> WriteResult:
        if len(batch.rows) > 3:
            raise WriteTimeout("canceling statement due to statement timeout", "57")
        return super().write(batch, check_before_commit)


async def test_a_batch_that_times_out_is_tried_in_smaller_ones() -> None:
    store, source = SlowStore(), LocalSource(LOG)
    await land(source, store)
    assert len(store.rows) == 60
    assert source.paused == 0


class BlockedStore(LocalStore):
    """Blocks in its write until it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.writing, self.cancelled = threading.Event(), threading.Event()

    def write(self, batch: Batch, check_before_commit: CommitCheck = accept_all) -> WriteResult:
        self.writing.set()
        assert self.cancelled.wait(10)
        raise WriteTimeout("canceling statement due to user request", "57")

    def cancel(self) -> None:
        self.cancelled.set()


async def test_a_write_is_cancelled_when_partitions_are_revoked_and_the_batch_size_stays() -> None:
    store, source = BlockedStore(), LocalSource(LOG)
    landing = Landing(source, store, LIMITS)
    stopping = asyncio.Event()
    running = asyncio.create_task(landing.run(stopping))
    await asyncio.to_thread(store.writing.wait, 10)
    stopping.set()  # or it would write again, to a store that cancels everything
    source.reassigned = True
    await source.revoke()
    assert store.cancelled.is_set()
    await running
    assert landing._size.rows == LIMITS.rows
    assert store.next == {0: 0, 1: 0, 2: 0}


async def test_the_next_batch_is_fetched_while_one_is_written() -> None:
    """Otherwise decoding and waiting for Postgres would take turns."""
    source = LocalSource(LOG)
    fetches_at_write: list[int] = []

    class RecordingStore(LocalStore):
        def write(self, batch: Batch, check_before_commit: CommitCheck = accept_all) -> WriteResult:
            deadline = time.monotonic() + 60
            while source.fetches <= len(fetches_at_write) + 1 and time.monotonic() < deadline:
                time.sleep(0.001)
            fetches_at_write.append(source.fetches)
            return super().write(batch, check_before_commit)

    store = RecordingStore()
    await land(source, store)
    assert fetches_at_write[0] >= 2
    assert len(store.rows) == 60


async def test_too_many_dead_letters_stop_landing_before_they_are_stored() -> None:
    log = {0: [Record(offset, NOON, b"%d" % offset, b"rubbish") for offset in range(200)]}
    store, source = LocalStore(), LocalSource(log)
    landing = Landing(source, store, BatchLimits(rows=500, max_rows=500, max_bytes=10**6, max_age_seconds=0.01))
    stopping = asyncio.Event()
    running = asyncio.create_task(landing.run(stopping))
    async with asyncio.timeout(10):
        while not source.paused:
            await asyncio.sleep(0)
    assert not landing.positioned
    stopping.set()
    await running
    assert store.next == {0: 0}


async def test_landing_ends_with_advice_if_the_topic_is_shorter_than_what_has_landed() -> None:
    store = LocalStore()
    store.next = {0: 21, 1: 0, 2: 0}
    with pytest.raises(CannotContinue, match="goes on from there"):
        await land(LocalSource(LOG), store)


async def test_landing_ends_at_a_gap_until_an_operator_accepts_it() -> None:
    store = LocalStore()
    store.next = {0: 3, 1: 0, 2: 0}
    with pytest.raises(CannotContinue, match="FOOTFALL_ACCEPT_GAP"):
        await land(LocalSource(LOG, begins={0: 5}), store)
    await land(LocalSource(LOG, begins={0: 5}), store, accept_gap=True)
    assert len(store.rows) == 55
