"""The temporary folders of test runs. One that was killed leaves its folder behind: hundreds of megabytes of memory."""

import os
import re
import shutil
import tempfile
from pathlib import Path

import psutil

_NAME = re.compile(r"footfall-tests-(\d+)-")


def make(folder: Path) -> Path:
    """A folder for this run in `folder`, from which those of dead runs are removed."""
    remove_those_of_dead_runs(folder)
    return Path(tempfile.mkdtemp(prefix=f"footfall-tests-{os.getpid()}-", dir=folder))


def remove_those_of_dead_runs(folder: Path) -> None:
    """Remove what runs left there whose process has ended. What cannot be removed stays."""
    for path in folder.iterdir():
        made_by = _NAME.match(path.name)
        if made_by and not psutil.pid_exists(int(made_by[1])):
            shutil.rmtree(path, ignore_errors=True)
