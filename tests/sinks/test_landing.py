"""The loop: what is fetched lands once, whatever the store says in between."""

import asyncio
from collections.abc import Callable

import pytest

from sinks.errors import CannotGoOn, Fenced, StoreUnavailable
from sinks.landing import Landing, Written
from sinks.rows import Batch
from tests.events import NOON, Record, encoded, event
from tests.fakes import LocalSource, LocalStore

LOG = {p: [Record(offset, NOON, None, encoded(event("click"))) for offset in range(20)] for p in range(3)}


async def land(source: LocalSource, store: LocalStore, *, accept_gap: bool = False) -> None:
    """Run until everything has landed."""
    landing = Landing(source, store, rows=7, seconds=0.01, accept_gap=accept_gap)
    stopping = asyncio.Event()
    running = asyncio.create_task(landing.run(stopping))
    async with asyncio.timeout(10):
        while not running.done() and sum(store.next.values()) < sum(map(len, LOG.values())):
            await asyncio.sleep(0)
    stopping.set()
    await running


class FlakyStore(LocalStore):
    """Fails each time before it works, before or after the write."""

    def __init__(self, fail: Callable[[], Exception], *, after: bool) -> None:
        super().__init__()
        self._fail, self._after, self._calls = fail, after, 0

    def write(self, batch: Batch) -> Written:
        self._calls += 1
        if self._calls % 2 and not self._after:
            raise self._fail()
        written = super().write(batch)
        if self._calls % 2:
            raise self._fail()
        return written


async def test_everything_lands() -> None:
    store = LocalStore()
    await land(LocalSource(LOG), store)
    assert len(store.rows) == 60


@pytest.mark.parametrize("after", [pytest.param(False, id="before the commit"), pytest.param(True, id="in doubt")])
@pytest.mark.parametrize("fail", [lambda: StoreUnavailable("away"), lambda: Fenced([1])])
async def test_a_failing_store_costs_and_doubles_nothing(fail: Callable[[], Exception], after: bool) -> None:
    store, source = FlakyStore(fail, after=after), LocalSource(LOG)
    await land(source, store)
    assert len(store.rows) == 60
    assert store.next == {0: 20, 1: 20, 2: 20}


async def test_a_topic_shorter_than_what_has_landed_stops_with_what_to_do() -> None:
    store = LocalStore()
    store.next = {0: 21, 1: 0, 2: 0}
    with pytest.raises(CannotGoOn, match="recreated"):
        await land(LocalSource(LOG), store)


async def test_a_gap_stops_until_it_is_accepted() -> None:
    store = LocalStore()
    store.next = {0: 3, 1: 0, 2: 0}
    with pytest.raises(CannotGoOn, match="FOOTFALL_ACCEPT_GAP"):
        await land(LocalSource(LOG, begins={0: 5}), store)
    await land(LocalSource(LOG, begins={0: 5}), store, accept_gap=True)
    assert len(store.rows) == 55
