"""Ports are reserved by a process, not only by listening."""

import socket
import subprocess
import sys

from footfall.local import ports


def test_another_port_is_chosen_if_something_listens_on_the_preferred_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.choose(port) != port


def test_a_port_stays_reserved_for_its_process_even_if_nothing_listens_on_it() -> None:
    port = ports.choose()
    assert ports.is_free(port)
    assert not ports.claim(port)
    claim = f"from footfall.local import ports; print(ports.claim({port}))"
    other = [sys.executable, "-c", claim]
    assert subprocess.run(other, capture_output=True, text=True, check=True).stdout == "False\n"
    free = [sys.executable, "-c", "from footfall.local import ports; print(ports.choose())"]
    released = int(subprocess.run(free, capture_output=True, text=True, check=True).stdout)
    assert ports.claim(released)
