"""Viewers are told what changed, go on after a gap where they stopped, and know what they missed."""

import json
from collections.abc import AsyncIterator
from typing import Any

from dashboard.live.hub import KEPT_TICKS, MAX_PENDING, MAX_VIEWERS, QUIET_TICKS, Hub
from dashboard.live.merge_patch import patched


class Page:
    """What a browser makes of the stream."""

    def __init__(self, hub: Hub, last_id: str = "", shown: dict[str, Any] | None = None) -> None:
        self._stream = hub.events(last_id)
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
                self.shown = patched(self.shown if fields["event"] == "tick" else {}, data)

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
        hub.tick()
        await page.read()
        assert (page.names[-1], page.shown) == ("tick", numbers.shown)
    assert not hub.viewers


async def test_the_time_alone_is_told_only_now_and_then() -> None:
    numbers = Numbers()
    hub = Hub(numbers)
    async for page in opened(hub):
        for now in range(1, QUIET_TICKS + 2):
            numbers.shown["as_of"] = now
            hub.tick()
        await page.read()
        assert page.names == ["snapshot", "tick"]


async def test_who_comes_back_goes_on_where_it_stopped() -> None:
    numbers = Numbers()
    hub = Hub(numbers)
    async for page in opened(hub):
        numbers.shown["counts"] = {"a": 2}
        hub.tick()
        await page.read()
        kept = page.last_id, page.shown
    numbers.shown["counts"] = {"c": 3}
    async for other in opened(hub):
        numbers.shown["counts"] = {"c": 4}
        hub.tick()
        async for again in opened(hub, *kept):
            assert again.names == ["tick", "tick"]
            assert again.shown == other.shown | {"counts": {"c": 4}} == numbers.shown


async def test_an_unknown_or_old_place_gets_a_snapshot() -> None:
    numbers = Numbers()
    hub = Hub(numbers)
    async for page in opened(hub):
        first = page.last_id
        for count in range(KEPT_TICKS + 2):
            numbers.shown["counts"] = {"a": count + 10}
            hub.tick()
        for place in (first, "another:5", first.split(":")[0] + ":99999", "nonsense", ":" + "9" * 5000):
            async for again in opened(hub, place):
                assert (again.names, again.shown) == (["snapshot"], numbers.shown)


async def test_a_page_that_does_not_read_loses_nothing_but_entries_of_the_feed_which_are_counted() -> None:
    numbers = Numbers()
    hub = Hub(numbers)
    async for page in opened(hub):
        for count in range(MAX_PENDING + 10):
            numbers.shown["counts"] = {"a": count + 10}
            hub.tick()
            hub.feed([{"type": "click"}], 2)
        (viewer,) = hub.viewers
        assert len(viewer._waiting) <= MAX_PENDING
        await page.read()
        assert page.shown == numbers.shown
        assert page.skipped == hub.missed == 3 * (MAX_PENDING + 10)
        numbers.shown["counts"] = {}
        hub.tick()
        await page.read()
        assert page.shown == numbers.shown


async def test_there_is_an_end_to_how_many_can_look() -> None:
    hub = Hub(Numbers())
    pages = [Page(hub) for _ in range(MAX_VIEWERS)]
    for page in pages:
        assert not hub.is_full
        await page.read()
    assert hub.is_full
    for page in pages:
        await page.close()
    assert not hub.is_full
