"""Background work that runs as long as its service. Its unexpected end ends the process: a restart mends it.

Without this, a task that ends by an error is silent: the service looks well, and a part of it stands still.
Errors that can be foreseen are handled inside the work; what arrives here is a fault of ours.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)

EXIT_FAILED = 70
# A graceful stop that takes longer than this hangs.
_STOP_SECONDS = 30.0
# A task that has not ended by then is cancelled again: a library has lost the first time.
_CANCEL_AGAIN_SECONDS = 6.0


def is_cancelled() -> bool:
    """Whether the running task was cancelled, also if a library lost the exception.

    `asyncio.wait_for` of Python 3.11 does, when what it waits for ends in the same moment. A loop that catches the
    errors of libraries asks at each round, as it would never end otherwise.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def stop_process(exit_code: int = EXIT_FAILED) -> None:
    """Stop as after SIGTERM: requests in progress are finished, and what is held is written.

    `exit_code`: if that takes so long that the process is ended instead.
    """
    end_in_time(exit_code)
    os.kill(os.getpid(), signal.SIGTERM)


def end_in_time(exit_code: int = EXIT_FAILED) -> None:
    """End the process if it has not ended by itself after the time of a graceful stop."""
    killer = threading.Timer(_STOP_SECONDS, os._exit, [exit_code])
    killer.daemon = True
    killer.start()


class Background:
    """Tasks of an event loop. When one ends, by an error or without, before `stop`, the process stops."""

    def __init__(self) -> None:
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        # The names of the tasks that ended unexpectedly.
        self.ended: list[str] = []

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run the work until `stop`."""
        self._stopping = False
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._note_end)
        self._tasks.append(task)

    async def stop(self) -> None:
        """Cancel all tasks and wait for their ends."""
        self._stopping = True
        pending, self._tasks = set(self._tasks), []
        while pending:
            for task in pending:
                task.cancel()
            _ended, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_SECONDS)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._stopping:
            return
        self.ended.append(task.get_name())
        log.critical("%s ended unexpectedly", task.get_name(), exc_info=error)
        stop_process()


class BackgroundThread(threading.Thread):
    """A daemon thread. When its work ends before `stop_expected`, the process stops."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._work, self._may_end = work, False

    def stop_expected(self) -> None:
        """From now on the work may end."""
        self._may_end = True

    def run(self) -> None:
        """Run the work."""
        error: BaseException | None = None
        try:
            self._work()
        except BaseException as raised:
            error = raised
        if not self._may_end:
            log.critical("%s ended unexpectedly", self.name, exc_info=error)
            stop_process()


async def watched(
    name: str, work: Coroutine[Any, Any, None], *, may_end: Callable[[], bool], on_end: Callable[[], None]
) -> None:
    """Await work that another framework starts as a task: its unexpected end is logged, and `on_end` called."""
    error: BaseException | None = None
    try:
        await work
    except BaseException as raised:
        if may_end():
            raise
        error = raised
    if not may_end():
        log.critical("%s ended unexpectedly", name, exc_info=error)
        on_end()
