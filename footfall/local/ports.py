"""Ports: the usual one where it is free, else any free one."""

import fcntl
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOOPBACK = "127.0.0.1"


@contextmanager
def turn(lock: Path, stopping: Callable[[], bool]) -> Iterator[None]:
    """Hold the turn to choose ports, until what was started listens on them.

    Between the choice and the listening another start on this machine would choose the same. The turn goes
    with the process, however it ends; whoever is told to stop no longer waits for it.
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


def is_free(port: int) -> bool:
    """Whether nothing on this machine listens on the port."""
    with socket.socket() as probe:
        # Like the servers: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return not answers(port)


def answers(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


def choose(preferred: int, taken: Iterable[int] = ()) -> int:
    """The preferred port if it is free, else (and for 0) a free one that is not in `taken`."""
    taken = set(taken)
    if preferred and preferred not in taken and is_free(preferred):
        return preferred
    while (port := _any_free()) in taken:
        pass
    return port


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
