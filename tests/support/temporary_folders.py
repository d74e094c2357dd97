"""The temporary folders of test runs. One that was killed leaves its folder behind: hundreds of megabytes of memory."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "footfall-tests-"


def make(folder: Path) -> Path:
    """A folder for this run in `folder`, from which those of dead runs are removed.

    The lock of a run is free as soon as it has ended, also to those who do not see its process.
    """
    remove_those_of_dead_runs(folder)
    made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=folder))
    fcntl.flock(os.open(made, os.O_RDONLY), fcntl.LOCK_EX)  # until this process ends
    return made.rename(folder / made.name.removeprefix("."))


def remove_those_of_dead_runs(folder: Path) -> None:
    """Remove what runs left there that have ended. What cannot be removed stays."""
    for path in folder.glob(f"{_PREFIX}*"):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)
