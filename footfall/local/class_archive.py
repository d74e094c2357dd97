"""Kafka's classes as a JVM has loaded and checked them, in a file from which brokers start in half the CPU time.

A broker writes the file when it stops, which takes it three seconds, and later ones read it. The JVM ignores a
file that does not fit.
"""

import hashlib
import os
from pathlib import Path


def path(cache: Path, java: Path, class_path: str) -> Path:
    """The file for this runtime and these jars: another build of either could not use it."""
    files = [java.resolve(), *map(Path, class_path.split(os.pathsep))]
    builds = "\n".join(f"{file} {file.stat().st_mtime_ns}" for file in files)
    return cache / f"kafka-{hashlib.sha256(builds.encode()).hexdigest()[:12]}.jsa"


def to_read(archive: Path) -> tuple[str, ...]:
    """The options of a JVM that reads the archive, if there is one."""
    return (f"-XX:SharedArchiveFile={archive}",) if _is_complete(archive) else ()


def to_write(archive: Path, java: Path) -> tuple[str, ...]:
    """The options of a JVM that writes it; none if the runtime has no archive of Java's classes to build upon."""
    has_base = (java.resolve().parents[1] / "lib/server/classes.jsa").exists()
    return (f"-XX:ArchiveClassesAtExit={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off") if has_base else ()


def _is_complete(archive: Path) -> bool:
    """Whether the file was written to its end: a JVM writes the header last."""
    try:
        with archive.open("rb") as file:
            return any(file.read(4))
    except OSError:
        return False
