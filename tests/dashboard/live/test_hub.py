"""Viewers get what changed, resume after a gap where they stopped, and know how many feed entries they missed."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from dashboard.live.hub import HEARTBEAT_INTERVALS, MAX_QUEUED_MESSAGES, MAX_VIEWERS, RETAINED_PATCHES, Hub
from tests.dashboard.json_merge_patch import patched


class Page:
    """What a browser shows of the stream."""

    def __init__(self, hub: Hub, last_id: str = "", shown: dict[str, Any] | None = None) -> None:
        viewer = hub.join()
        assert viewer
        self._stream = hub.stream(viewer, last_id)
        self.last_id, self.shown, self.names, self.skipped = last_id, shown or {}, list[str](), 0

    async def read(self) -> None:
        for block in (await anext(self._stream)).decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines())
            if "event" not in fields:
                continue
            self.last_id = fields.get("id", self.last_id)
            self.names.append(fields["event"])
            data = json.loads(fields["data"])
            if fields["event"] == "feed":
                self.skipped += data["skipped"]
            else:
                self.shown = patched(self.shown if fields["event"] == "patch" else {}, data)

    async def close(self) -> None:
        stream: Any = self._stream
        await stream.aclose()


class Numbers:
    """A snapshot that the tests change."""

    def __init__(self) -> None:
        self.shown: dict[str, Any] = {"as_of": 0, "counts": {"a": 1}}

    def __call__(self) -> dict[str, Any]:
        return json.loads(json.dumps(self.shown))  # type: ignore[no-any-return] # a dict


async def opened(hub: Hub, *arguments: Any) -> AsyncIterator[Page]:
    page = Page(hub, *arguments)
    await page.read()
    yield page
    await page.close()


async def test_a_page_gets_a_snapshot_and_then_what_changed() -> None:
    numbers = Numbers()
    hub = Hub(numbers)
    async for page in opened(hub):
        assert (page.names, page.shown) == (["snapshot"], numbers.shown)
        numbers.shown["counts"] = {"a": 2, "b": 1}
        hub.send_patch()
        await page.read()
        assert (page.names[-1], page.shown) == ("patch", numbers.shown)
    assert not hub.viewers


async def test_the_time_alone_is_sent_only_as_a_heartbeat() -> None:
    numbers = Numbers()
    hub = Hub(numbers)
    async for page in opened(hub):
        for now in range(1, HEARTBEAT_INTERVALS + 2):
            numbers.shown["as_of"] = now
            hub.send_patch()
        await page.read()
        assert page.names == ["snapshot", "patch"]


async def test_a_viewer_that_reconnects_resumes_where_it_stopped() -> None:
    numbers = Numbers()
    hub = Hub(numbers)
    async for page in opened(hub):
        numbers.shown["counts"] = {"a": 2}
        hub.send_patch()
        await page.read()
        left_with = page.last_id, page.shown
    numbers.shown["counts"] = {"c": 3}
    async for other in opened(hub):
        numbers.shown["counts"] = {"c": 4}
        hub.send_patch()
        async for again in opened(hub, *left_with):
            assert again.names == ["patch", "patch"]
            assert again.shown == other.shown | {"counts": {"c": 4}} == numbers.shown


async def test_an_unknown_or_old_id_gets_a_snapshot() -> None:
    numbers = Numbers()
    hub = Hub(numbers)
    async for page in opened(hub):
        first = page.last_id
        for count in range(RETAINED_PATCHES + 2):
            numbers.shown["counts"] = {"a": count + 10}
            hub.send_patch()
        for last_id in (first, "another:5", first.split(":")[0] + ":99999", "nonsense", ":" + "9" * 5000):
            async for again in opened(hub, last_id):
                assert (again.names, again.shown) == (["snapshot"], numbers.shown)


async def test_a_viewer_that_does_not_read_loses_only_feed_entries_and_they_are_counted() -> None:
    numbers = Numbers()
    hub = Hub(numbers)
    async for page in opened(hub):
        for count in range(MAX_QUEUED_MESSAGES + 10):
            numbers.shown["counts"] = {"a": count + 10}
            hub.send_patch()
            hub.send_feed([{"type": "click"}], 2)
        (viewer,) = hub.viewers
        assert len(viewer._queue) <= MAX_QUEUED_MESSAGES
        await page.read()
        assert page.shown == numbers.shown
        assert page.skipped == hub.lost_entries == 3 * (MAX_QUEUED_MESSAGES + 10)
        numbers.shown["counts"] = {}
        hub.send_patch()
        await page.read()
        assert page.shown == numbers.shown


async def test_the_number_of_viewers_is_bounded() -> None:
    hub = Hub(Numbers())
    pages = [Page(hub) for _ in range(MAX_VIEWERS)]
    # Also while none of the streams has begun, as when many come at once.
    assert hub.join() is None
    for page in pages:
        await page.read()
    assert hub.join() is None
    await pages[0].close()
    viewer = hub.join()
    assert viewer
    assert hub.join() is None
    # A viewer that leaves before its stream begins gives its place back too.
    hub.leave(viewer)
    assert hub.join()


async def test_a_snapshot_that_fails_costs_one_patch_and_not_the_following_ones() -> None:
    numbers, fails = Numbers(), [False]

    def snapshot() -> dict[str, Any]:
        if fails.pop():
            raise ValueError
        return numbers()

    hub = Hub(snapshot)
    async for page in opened(hub):
        fails[:] = [False, True]
        numbers.shown["counts"] = {"a": 2}
        running = asyncio.create_task(hub.run())
        async with asyncio.timeout(5):
            await page.read()
        assert page.shown["counts"] == {"a": 2}
        running.cancel()
