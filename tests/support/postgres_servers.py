"""A Postgres server that a test can stop immediately and start again."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from footfall.local import ports, postgres, postgres_programs
from footfall.local.containers import docker_available
from footfall.local.process import Process


class PostgresServer:
    """A real server. It keeps its port across restarts."""

    def __init__(self, folder: Path) -> None:
        if docker_available():
            pytest.skip("needs a Postgres server on this machine, which can be stopped immediately")
        self._folder, self.port = folder, ports.choose()
        server = postgres.find(folder, given=None, port=self.port, password="tests", environ={})
        assert server.program
        self.dsn, self._program = server.dsn, server.program
        self.start()
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            if connection.execute("select pg_is_in_recovery()").fetchone() == (False,):
                connection.execute("alter database footfall set search_path = footfall")

    def replica(self, folder: Path, port: int) -> "PostgresServer":
        """A standby that replicates this server through `port`, until it is promoted."""
        data = folder / "data"
        data.mkdir(parents=True, mode=0o700)
        user = "nobody" if os.geteuid() == 0 else None
        if user:
            postgres._give_to(data, user)
        line = conninfo.make_conninfo(self.dsn, port=port)
        copy = [postgres_programs.find().folder / "pg_basebackup", f"--dbname={line}", f"--pgdata={data}"]
        copy += ["--write-recovery-conf", "--checkpoint=fast"]
        subprocess.run(copy, user=user, group=postgres._group(user), check=True)
        return PostgresServer(folder)

    def promote(self) -> None:
        """Make this standby a primary."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("select pg_promote()")

    def start(self) -> None:
        self._process = Process(self._program, self._folder / "postgres.log")
        deadline = time.monotonic() + 60
        while not self._program.is_ready():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop_immediately(self) -> None:
        """Like `pg_ctl stop -m immediate`: whatever is not on disk is lost."""
        os.kill(self._process.pid, signal.SIGQUIT)
        self._process.stop(10)

    def stop(self) -> None:
        self._process.stop(10)
