"""The storage of a broker that has never run: its id, its cluster's, and which features of Kafka it begins with.

Kafka's own tool takes a JVM and a second. The features are the same for all brokers of a release, so the tool runs
once, and later ones get a copy of what it wrote.
"""

import base64
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

# The names are Kafka's.
_IDS, _FEATURES = "meta.properties", "bootstrap.checkpoint"


def format_once(log_dir: Path, properties: Path, run: Sequence[str], features: Path) -> None:
    """Format a log folder unless it is formatted.

    `run`: how to run a class of Kafka. `features`: the copy for later brokers of the same release, made if
    it is missing.
    """
    if (log_dir / _IDS).exists():
        return
    if features.exists():
        log_dir.mkdir(parents=True, exist_ok=True)
        _copy(features, log_dir / _FEATURES)
        # Last: without it the folder is not formatted.
        (log_dir / _IDS).write_text(f"version=1\nnode.id=1\ncluster.id={_new_id()}\ndirectory.id={_new_id()}\n")
    else:
        _run_the_tool(run, properties)
        _copy(log_dir / _FEATURES, features)


def _run_the_tool(run: Sequence[str], properties: Path) -> None:
    # An id can begin with a dash, so it must follow an equals sign.
    command = (*run, "kafka.tools.StorageTool", "format", f"--cluster-id={_new_id()}", "-c", str(properties))
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    if ran.returncode:
        raise RuntimeError(f"Kafka's storage could not be formatted:\n{ran.stdout}{ran.stderr}")


def _new_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _copy(source: Path, target: Path) -> None:
    """Whole or not at all: others may read it meanwhile."""
    descriptor, written = tempfile.mkstemp(dir=target.parent)
    os.close(descriptor)
    shutil.copyfile(source, written)
    Path(written).replace(target)
