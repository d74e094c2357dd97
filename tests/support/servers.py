"""A Postgres of a test's own, that it may stop at once, freeze, and start again."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from footfall.local import ports, postgres
from footfall.local.containers import docker_available
from footfall.local.process import Process


class Server:
    """A real server, on one port through all its lives."""

    def __init__(self, folder: Path) -> None:
        if docker_available():
            pytest.skip("needs a Postgres on this machine, to be frozen and stopped at once")
        self._folder, self.port = folder, ports.choose()
        found = postgres.find(folder, given=None, port=self.port, environ={})
        assert found.program
        self.dsn, self._program = found.dsn, found.program
        self.start()

    def replica(self, folder: Path, port: int) -> "Server":
        """Another server that follows this one, through this port, until it is promoted."""
        data = folder / "data"
        data.mkdir(parents=True, mode=0o700)
        user = "nobody" if os.geteuid() == 0 else None
        if user:
            postgres._give_to(data, user)
        line = conninfo.make_conninfo(self.dsn, port=port)
        copy = [postgres._binaries() / "pg_basebackup", f"--dbname={line}", f"--pgdata={data}"]
        copy += ["--write-recovery-conf", "--checkpoint=fast"]
        subprocess.run(copy, user=user, group=postgres._group(user), check=True)
        return Server(folder)

    def promote(self) -> None:
        """Take writes from now on."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("select pg_promote()")

    def start(self) -> None:
        self._process = Process(self._program, self._folder / "postgres.log")
        deadline = time.monotonic() + 60
        while not self._program.is_ready():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop_immediately(self) -> None:
        """As `pg_ctl stop -m immediate`: what is not on the disk is lost."""
        os.kill(self._process.pid, signal.SIGQUIT)
        self._process.stop(10)

    def stop(self) -> None:
        self._process.stop(10)
