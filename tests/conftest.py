"""For every test: a clean environment, and the real services of `tests/support/services.py` on demand."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import temporary_folders

pytest_plugins = [
    "tests.support.services",
    "tests.support.database",
    "tests.support.days",
    "tests.support.browsers",
    "tests.support.buckets",
    "tests.support.schedule",
    "tests.support.durations",
    "tests.support.collection",
    "tests.npm",
]
_own_folder = pytest.StashKey[Path]()
# A run needs about a quarter of the room.
_MEMORY, _ROOM_BYTES = "/dev/shm", 8 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a temporary folder of its own.

    All runs of a user share pytest's folder, and each new run makes it private: when run as root, that locks
    a running Postgres, which runs as `nobody`, out of its data.
    """
    # A busy machine must not fail a test.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
    if not config.option.basetemp:
        config.stash[_own_folder] = temporary_folders.make(_folder_in_memory() or Path(tempfile.gettempdir()))
        config.option.basetemp = str(config.stash[_own_folder] / "run")


def _folder_in_memory() -> Path | None:
    """A file system in memory, if it has room and programs may run there; else the usual one.

    A broker syncs two files for each partition of a new topic: on disk, that is most of its time.
    """
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK | os.X_OK):
        return None
    found = os.statvfs(_MEMORY)
    is_suitable = not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize >= _ROOM_BYTES
    return Path(_MEMORY) if is_suitable else None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder."""
    if folder := config.stash.get(_own_folder, None):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def no_background_work_ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Background work that ends unexpectedly would stop the process; here it fails the test."""
    ends = list[bool]()
    monkeypatch.setattr("service_kit.background.stop_process", lambda: ends.append(True))
    yield
    assert not ends, "background work ended unexpectedly; the log says which"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees only the settings that it makes itself."""
    for name in list(os.environ):
        if name.startswith("FOOTFALL_"):
            monkeypatch.delenv(name)
