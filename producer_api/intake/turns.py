"""Long work takes turns with that of other requests."""

import asyncio
import time

TURN_SECONDS = 0.01


class Turn:
    """For how long a request may keep all others waiting."""

    __slots__ = ("_ends_at",)

    def __init__(self) -> None:
        self._ends_at = time.perf_counter() + TURN_SECONDS

    @property
    def is_over(self) -> bool:
        """Whether others are to have their turn."""
        return time.perf_counter() > self._ends_at

    async def next(self) -> None:
        """Return when all others that are ready had their turn."""
        await asyncio.sleep(0)
        self._ends_at = time.perf_counter() + TURN_SECONDS
