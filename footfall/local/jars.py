"""The jars of Apache Kafka and its like, from Maven Central, kept in a cache that all checkouts share."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KAFKA_VERSION = "4.3.1"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A program and what it needs, by Maven coordinates."""

    name: str
    version: str
    coordinates: str
    megabytes: int


# Kafka logs through slf4j 1.7; the simple binding writes to standard error, which becomes the log file.
KAFKA = Bundle(
    "kafka", KAFKA_VERSION, f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36", 45
)


def class_path(cache: Path, say: Say, bundle: Bundle = KAFKA) -> str:
    """The Java class path of a bundle; downloads it the first time, saying so."""
    listing = cache / f"{bundle.name}-{bundle.version}.jars"
    jars = _listed(listing)
    if not jars:
        # Else a second start takes the half that the first has by then for all of them.
        with _alone(listing.with_suffix(".lock")):
            jars = _listed(listing) or _download(bundle, cache, say)
            _write_whole(listing, "\n".join(jars))
    return os.pathsep.join(jars)


def _listed(listing: Path) -> list[str]:
    """The jars of a download that is complete and still there, or none."""
    jars = listing.read_text().splitlines() if listing.exists() else []
    return jars if all(Path(jar).exists() for jar in jars) else []


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait for other processes that do the same; the lock goes with the process, however that ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _download(bundle: Bundle, cache: Path, say: Say) -> list[str]:
    say(f"{bundle.name} {bundle.version}: downloading it ({bundle.megabytes} MB, once)")
    # Imported late: only the first start needs the resolver.
    from jgo.env import EnvironmentBuilder
    from jgo.maven import MavenContext, PythonResolver

    resolver = PythonResolver(progress_callback=_progress(bundle, say))
    builder = EnvironmentBuilder(context=MavenContext(resolver=resolver), cache_dir=cache / "jgo")
    environment = builder.from_endpoint(bundle.coordinates)
    # jgo sorts jars into a class path and a module path; the broker runs from one class path.
    return sorted(str(jar) for jar in Path(environment.path).rglob("*.jar"))


def _progress(bundle: Bundle, say: Say) -> Callable[[str, int], object]:
    """Say how much has come, every five megabytes."""
    done = 0
    step = 5_000_000

    @contextmanager
    def reading(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        def arrived(count: int) -> None:
            nonlocal done
            if (done + count) // step > done // step:
                say(f"{bundle.name} {bundle.version}: {(done + count) / 1e6:.0f} MB so far")
            done += count

        yield arrived

    return reading


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, wherever this is cut off."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as part:
        part.write(text)
    Path(part.name).replace(path)
