"""The Postgres of the stack: the user's own, a container, or a server of the programs that are found."""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import conninfo

from footfall.local import containers, postgres_programs
from footfall.local.program import Program

DEFAULT_PORT = 5432
DATABASE = "footfall"
_USER = "postgres"
# Postgres refuses to run as root; this user exists on every Linux.
_UNPRIVILEGED = "nobody"
# Who may connect. The digest shows which password the server has; the password itself is in `secrets.json`.
_HBA = """\
# Written by `footfall up` for the password {digest}. Changes are overwritten.
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class Postgres:
    """Its DSN, where it comes from, and the program to run for it, if any."""

    dsn: str
    origin: str
    program: Program | None = None


def find(folder: Path, *, given: str | None, port: int, password: str, environ: dict[str, str]) -> Postgres:
    """The Postgres to use: the `given` DSN, else a container, else a server of its own. Raise NoPostgres."""
    if given:
        return Postgres(given, "from FOOTFALL_POSTGRES_DSN")
    if containers.docker_available():
        return Postgres(
            containers.start_postgres(folder, port, password), f"container, {containers.POSTGRES_IMAGE}"
        )
    programs = programs_for(folder)
    program = server(folder, programs.folder, port=port, password=password, environ=environ)
    return Postgres(_dsn(port, password, DATABASE), programs.origin, program)


def programs_for(folder: Path) -> postgres_programs.Programs:
    """Postgres' programs that can read the data in the folder. Raise NoPostgres."""
    made_by = folder / "data" / "PG_VERSION"
    return postgres_programs.find(int(made_by.read_text()) if made_by.exists() else None)


def server(folder: Path, binaries: Path, *, port: int, password: str, environ: dict[str, str]) -> Program:
    """A server of these programs that listens on loopback only and asks for the password (letters and digits).

    Initialises its data folder the first time.
    """
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        _initialise(binaries, data, user)
    if user:
        _make_traversable(data)
        _make_traversable(binaries)
    _require_password(binaries, data, user, password)
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
        is_ready=lambda: _is_ready(port, password, data),
    )


def without_password(dsn: str) -> str:
    """The DSN as it may be shown."""
    try:
        parts = {
            k: str(v) for k, v in conninfo.conninfo_to_dict(dsn).items() if k not in ("password", "sslpassword")
        }
    except psycopg.Error:
        return "a DSN that cannot be read"
    if parts.keys() == {"user", "host", "port", "dbname"}:
        return "postgresql://{user}@{host}:{port}/{dbname}".format(**parts)
    return conninfo.make_conninfo("", **parts)


def _initialise(binaries: Path, data: Path, user: str | None) -> None:
    shutil.rmtree(data, ignore_errors=True)  # of a start that was killed before it was complete
    data.mkdir(parents=True, mode=0o700)
    if user:
        _give_to(data, user)
        _make_traversable(binaries)
    # No server listens before `_require_password` has replaced the trust.
    options = ("-U", _USER, "--auth=trust", "--encoding=utf8", "--locale=C")
    ran = _run((str(binaries / "initdb"), "-D", str(data), *options), user)
    if ran.returncode:
        raise RuntimeError(f"Postgres could not initialise its data folder:\n{ran.stdout}{ran.stderr}")


def _require_password(binaries: Path, data: Path, user: str | None, password: str) -> None:
    """Make the password the server's, unless it is already, and ask everyone for it."""
    who_may_connect = _HBA.format(digest=hashlib.sha256(password.encode()).hexdigest()[:16])
    hba = data / "pg_hba.conf"
    if hba.read_text() == who_may_connect:
        return
    # Without a server: single-user mode reads statements from standard input. Arguments would show the password.
    command = (str(binaries / "postgres"), "--single", "-D", str(data), "postgres")
    ran = _run(command, user, f"alter user {_USER} password '{password}'\n")
    if ran.returncode or "ERROR" in ran.stderr:
        raise RuntimeError(f"Postgres' password could not be set:\n{ran.stderr.replace(password, '…')}")
    hba.write_text(who_may_connect)


def _run(
    command: tuple[str, ...], user: str | None, statements: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=statements, capture_output=True, text=True, check=False, user=user, group=_group(user)
    )


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


def _dsn(port: int, password: str, database: str) -> str:
    return f"postgresql://{_USER}:{password}@127.0.0.1:{port}/{database}"


def _is_ready(port: int, password: str, data: Path) -> bool:
    """Whether the server answers and is the one of this folder. Creates the database the first time."""
    try:
        with psycopg.connect(_dsn(port, password, "postgres"), autocommit=True, connect_timeout=2) as connection:
            (folder,) = connection.execute("show data_directory").fetchone() or ("",)
            if not Path(folder).samefile(data):
                return False  # another server took the port first
            exists = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
            if not exists:
                connection.execute(f"create database {DATABASE}")
    except (psycopg.OperationalError, OSError):
        return False
    return True
