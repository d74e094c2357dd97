"""The jars of Apache Kafka and other Java programs, from Maven Central, in a cache that all checkouts share."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KAFKA_VERSION = "4.3.1"

Echo = Callable[[str], None]

# The folder of the cache that holds them, as a Maven repository.
_JARS = "maven"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A Java program and its dependencies, as Maven coordinates.

    `pins`: a file with the SHA-256 of every jar, as `sha256sum` writes it. Nothing else is run then.
    """

    name: str
    version: str
    coordinates: str
    megabytes: int
    pins: Path | None = None


class UnexpectedJar(RuntimeError):
    """A download is not what footfall pins, so it must not run."""


# Kafka logs through slf4j 1.7; the simple binding writes to standard error, which becomes the log file.
KAFKA = Bundle(
    "kafka",
    KAFKA_VERSION,
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36",
    45,
    Path(__file__).with_name("kafka_jars.sha256"),
)


class NotDownloaded(RuntimeError):
    """Maven Central cannot be reached."""


def class_path(cache: Path, echo: Echo, bundle: Bundle = KAFKA) -> str:
    """The Java class path of a bundle. The first call downloads it and shows the progress."""
    listing = cache / f"{bundle.name}-{bundle.version}.jars"
    jars = _listed(listing)
    if not jars:
        # Without the lock, a second process would use a download that the first has not finished.
        with exclusive_lock(listing.with_suffix(".lock")):
            jars = _listed(listing) or _download(bundle, cache, echo)
            if bundle.pins:
                verify(jars, bundle.pins.read_text())
            _write_atomically(listing, "\n".join(jars))
    return os.pathsep.join(jars)


def verify(jars: list[str], pins: str) -> None:
    """Raise UnexpectedJar unless the jars are exactly the pinned ones.

    The resolver compares a jar with the checksum that the same server sends, or with nothing.
    """
    pinned = {name: digest for digest, name in (line.split() for line in pins.splitlines())}
    found = {Path(jar).name: hashlib.sha256(Path(jar).read_bytes()).hexdigest() for jar in jars}
    wrong = sorted(name for name in pinned.keys() | found.keys() if pinned.get(name) != found.get(name))
    if wrong:
        raise UnexpectedJar(
            f"Not run: {', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} not what footfall pins by SHA-256."
            " Delete the download (the folder maven in footfall's cache) and start again. If that does not help,"
            " a mirror of Maven Central serves other files."
        )


def _listed(listing: Path) -> list[str]:
    """The jars of a complete download that still exists, else none."""
    jars = listing.read_text().splitlines() if listing.exists() else []
    return jars if all(Path(jar).exists() for jar in jars) else []


@contextmanager
def exclusive_lock(lock: Path) -> Iterator[None]:
    """Wait until no other process holds the lock. The system releases it when the process ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(bundle: Bundle, cache: Path, echo: Echo) -> list[str]:
    echo(f"{bundle.name} {bundle.version}: downloading {bundle.megabytes} MB (only once)")
    # Only the first start needs the resolver, which is slow to import.
    import requests
    from jgo.maven import MavenContext, PythonResolver

    resolver = PythonResolver(progress_callback=_progress(bundle, echo))
    # Without jgo's environments: to sort jars into a module path it would download a JDK that nobody has pinned.
    context = MavenContext(resolver, repo_cache=cache / _JARS)
    try:
        return _resolved(resolver, [context.create_dependency(each) for each in bundle.coordinates.split("+")])
    except requests.RequestException as error:
        raise NotDownloaded(
            f"{bundle.name} {bundle.version} cannot be downloaded from Maven Central: {_reason(error)}. Behind a"
            " proxy, set HTTPS_PROXY, and REQUESTS_CA_BUNDLE to a file with the proxy's certificate. Without a"
            " network, name a Kafka that runs elsewhere in FOOTFALL_KAFKA_BOOTSTRAP."
        ) from error


def _resolved(resolver: Any, named: list[Any]) -> list[str]:
    """The jars of these dependencies, and of all that they need to run."""
    for each in named:
        each.scope = "compile"
    dependencies = [
        each for part in resolver.resolve(named) for each in part if each.scope in ("compile", "runtime")
    ]
    artifacts = {each.artifact.key: each.artifact for each in dependencies}
    return sorted(str(each.resolve()) for each in artifacts.values())


def _reason(error: Any) -> str:
    """The innermost cause, which the others only repeat."""
    while isinstance(inner := getattr(error, "reason", None) or next(iter(error.args), None), BaseException):
        error = inner
    return str(error).removesuffix(".")


def _progress(bundle: Bundle, echo: Echo) -> Callable[[str, int], object]:
    """Show how much has been downloaded, every five megabytes."""
    done = 0
    step = 5_000_000

    @contextmanager
    def reading(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        def received(count: int) -> None:
            nonlocal done
            if (done + count) // step > done // step:
                echo(f"{bundle.name} {bundle.version}: {(done + count) / 1e6:.0f} MB downloaded")
            done += count

        yield received

    return reading


def _write_atomically(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as part:
        part.write(text)
    Path(part.name).replace(path)
