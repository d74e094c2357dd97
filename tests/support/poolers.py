"""A real PgBouncer in front of a database: the same one in every pool mode."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import conninfo

from footfall.local import ports

MODES = ("session", "transaction", "statement")
_SETTINGS = """
[databases]
{databases}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
; Few, so that clients meet each other's connections.
default_pool_size = 2
"""


@contextmanager
def pgbouncer(dsn: str, folder: Path) -> Iterator[dict[str, str]]:
    """DSNs of a database through PgBouncer, by pool mode."""
    program = shutil.which("pgbouncer")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("PgBouncer is not installed")
        pytest.skip("PgBouncer is not installed")
    target, port = conninfo.conninfo_to_dict(dsn), ports.choose()
    server = " ".join(f"{key}={target[key]}" for key in ("host", "port", "dbname", "user", "password"))
    databases = "\n".join(f"by_{mode} = {server} pool_mode={mode}" for mode in MODES)
    settings = folder / "pgbouncer.ini"
    settings.write_text(_SETTINGS.format(databases=databases, port=port))
    # It refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    with settings.open() as given, (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen(
            [program, f"/dev/fd/{given.fileno()}"], pass_fds=[given.fileno()], user=user, stderr=log
        )
    try:
        _wait_for(port)
        yield {mode: f"host=127.0.0.1 port={port} dbname=by_{mode} user=anybody" for mode in MODES}
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline, "PgBouncer does not listen"
            time.sleep(0.05)
        else:
            return
