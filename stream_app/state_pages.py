"""Pages for operators: the state of a worker's partitions, and how often a user sent events.

Read only, and only of the partitions that this worker owns. Dashboard and collector read topics, never a worker.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from stream_app.engine.app import FootfallApp

_TIMEOUT_SECONDS = 5.0

Json = dict[str, Any]
Result = TypeVar("Result")


class StatePages:
    """Answers requests, which come in the probes' thread, with what is found in the event loop's thread."""

    def __init__(self, app: FootfallApp) -> None:
        self._app = app

    def partitions(self, _path: str) -> Json:
        """Position, watermark (milliseconds since 1970), outcomes and the newest minute of each partition."""
        return self._in_event_loop(self._partitions) or {"ready": False, "partitions": {}}

    def user(self, key: str) -> Json | None:
        """Events of a user in the last minute, by the user key; None if no partition here knows it."""
        return self._in_event_loop(lambda: self._user(key.lower().encode()))

    def _partitions(self) -> Json:
        return {
            "ready": self._app.owned.accepting,
            "partitions": {
                str(number): {
                    "position": owned.state.position,
                    "durable": owned.durable,
                    "watermark": owned.state.watermark,
                    "outcomes": owned.state.outcomes,
                    "minute": owned.state.counts.newest_minute(),
                }
                for number, owned in sorted(self._app.owned.partitions.items())
            },
        }

    def _user(self, key: bytes) -> Json | None:
        for number, owned in self._app.owned.partitions.items():
            if events := owned.state.rates.events(key):
                return {
                    "partition": number,
                    "events": events,
                    "blocked_until": owned.state.rates.blocked_until(key),
                }
        return None

    def _in_event_loop(self, find: Callable[[], Result]) -> Result | None:
        """None while the worker starts."""

        async def finding() -> Result:
            return find()

        if not self._app.has_consumer:
            return None
        return asyncio.run_coroutine_threadsafe(finding(), self._app.loop).result(_TIMEOUT_SECONDS)
