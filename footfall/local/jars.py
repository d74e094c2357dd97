"""The jars of Apache Kafka, from Maven Central, kept in a cache that all checkouts share."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

KAFKA_VERSION = "4.3.1"
# Kafka logs through slf4j 1.7; the simple binding writes to standard error, which becomes the log file.
COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"

Say = Callable[[str], None]


def class_path(cache: Path, say: Say) -> str:
    """The Java class path of the broker; downloads it the first time, saying so."""
    listing = cache / f"kafka-{KAFKA_VERSION}.jars"
    if listing.exists():
        jars = listing.read_text().splitlines()
        if all(Path(jar).exists() for jar in jars):
            return os.pathsep.join(jars)
    say(f"Kafka {KAFKA_VERSION}: downloading the broker (45 MB, once)")
    jars = [str(jar) for jar in _download(cache, say)]
    _write_whole(listing, "\n".join(jars))
    return os.pathsep.join(jars)


def _download(cache: Path, say: Say) -> list[Path]:
    # Imported late: only the first start needs the resolver.
    from jgo.env import EnvironmentBuilder
    from jgo.maven import MavenContext, PythonResolver

    resolver = PythonResolver(progress_callback=_progress(say))
    builder = EnvironmentBuilder(context=MavenContext(resolver=resolver), cache_dir=cache / "jgo")
    environment = builder.from_endpoint(COORDINATES)
    # jgo sorts jars into a class path and a module path; the broker runs from one class path.
    return sorted(Path(environment.path).rglob("*.jar"))


def _progress(say: Say) -> Callable[[str, int], object]:
    """Say how much has come, every five megabytes."""
    done = 0
    step = 5_000_000

    @contextmanager
    def reading(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        def arrived(count: int) -> None:
            nonlocal done
            if (done + count) // step > done // step:
                say(f"Kafka {KAFKA_VERSION}: {(done + count) / 1e6:.0f} MB so far")
            done += count

        yield arrived

    return reading


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, also when two starts write it at once."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as part:
        part.write(text)
    Path(part.name).replace(path)
