"""Ports for the programs of a stack, reserved as long as this process runs."""

import fcntl
import os
import socket
from functools import cache
from random import randrange

from footfall.local.settings import cache_folder

LOOPBACK = "127.0.0.1"
# Below the ephemeral ports: an outgoing connection could take one of those while its server is restarted.
_MIN_PORT, _MAX_PORT = 20_000, 32_767

_reserved = set[int]()


def choose(preferred: int = 0) -> int:
    """Reserve and return the preferred port if it is free, else (and for 0) any free port."""
    port = preferred or _any()
    while not claim(port):
        port = _any()
    return port


def claim(port: int) -> bool:
    """Reserve a port until this process ends. False if something listens on it or another process reserved it.

    Listening is not enough: while a server is restarted, another stack on this machine could take its port, and
    the clients of the one would talk to the other.
    """
    if port in _reserved or not is_free(port):
        return False
    try:
        # Each port is a byte of one file. The system releases the locks when the process ends, however it ends.
        fcntl.lockf(_claims_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):
        return False
    _reserved.add(port)
    return True


def is_free(port: int) -> bool:
    """Whether no program on this machine listens on the port."""
    with socket.socket() as probe:
        # As the servers do: a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return not accepts_connections(port)


def accepts_connections(port: int) -> bool:
    """Whether a program on this machine accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _any() -> int:
    return randrange(_MIN_PORT, _MAX_PORT + 1)


@cache
def _claims_file() -> int:
    """Opened only once: closing any descriptor of a file releases all locks of the process on it."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    return os.open(cache_folder() / "ports.lock", os.O_RDWR | os.O_CREAT, 0o644)
