"""Which archive of Kafka's classes a broker reads or writes."""

import os
from pathlib import Path

import pytest

from footfall.local import class_archive


@pytest.fixture
def java(tmp_path: Path) -> Path:
    """A runtime with an archive of its own classes."""
    for name in ("bin/java", "lib/server/classes.jsa", "kafka.jar"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / "bin/java"


def test_an_archive_is_read_once_it_is_complete(tmp_path: Path, java: Path) -> None:
    archive = class_archive.path(tmp_path, java, str(tmp_path / "kafka.jar"))
    assert class_archive.to_read(archive) == ()
    assert f"-XX:ArchiveClassesAtExit={archive}" in class_archive.to_write(archive, java)
    archive.write_bytes(bytes(4096))  # the broker was killed while it wrote: it leaves the header for the end
    assert class_archive.to_read(archive) == ()
    archive.write_bytes(bytes.fromhex("a8ab0bf0"))
    assert class_archive.to_read(archive) == (f"-XX:SharedArchiveFile={archive}",)


@pytest.mark.parametrize("updated", ["kafka.jar", "bin/java"])
def test_another_build_of_the_runtime_or_of_a_jar_has_an_archive_of_its_own(
    tmp_path: Path, java: Path, updated: str
) -> None:
    jar = str(tmp_path / "kafka.jar")
    before = class_archive.path(tmp_path, java, jar)
    os.utime(tmp_path / updated, ns=(1, 1))
    assert class_archive.path(tmp_path, java, jar) != before


def test_a_runtime_that_cannot_write_one_is_not_asked_to(tmp_path: Path, java: Path) -> None:
    (tmp_path / "lib/server/classes.jsa").unlink()
    assert class_archive.to_write(tmp_path / "kafka.jsa", java) == ()
