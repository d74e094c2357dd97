"""Ports: the usual one where it is free, else any free one, and nobody else's while this process lives."""

import fcntl
import os
import socket
from functools import cache
from random import randrange

from footfall.local.settings import cache_folder

LOOPBACK = "127.0.0.1"
# Below those that systems give to outgoing connections, which would take them while a server is restarted.
_LOWEST, _HIGHEST = 20_000, 32_767

_ours = set[int]()


def choose(preferred: int = 0) -> int:
    """The preferred port if it is to be had, else (and for 0) any."""
    port = preferred or _any()
    while not claim(port):
        port = _any()
    return port


def claim(port: int) -> bool:
    """Take a port until this process ends, unless something listens there or another process has taken it.

    Listening alone does not keep it: another start on this machine would take the port of a server that is
    being restarted, and the clients of the one would talk to the other.
    """
    if port in _ours or not is_free(port):
        return False
    try:
        # Each port is a byte of one file. The lock goes with the process, however that ends.
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):
        return False
    _ours.add(port)
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


def _any() -> int:
    return randrange(_LOWEST, _HIGHEST + 1)


@cache
def _claims() -> int:
    """Opened once: closing any handle of a file gives up all locks that the process has on it."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    return os.open(cache_folder() / "ports.lock", os.O_RDWR | os.O_CREAT, 0o644)
