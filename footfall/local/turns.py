"""Turns: what two starts on one machine must not do at the same time."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(lock: Path, stopping: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Hold the turn that a file stands for.

    It goes with the process, however that ends; whoever is told to stop no longer waits for it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        while not _take(held.fileno()) and not stopping():
            time.sleep(0.1)
        yield


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
