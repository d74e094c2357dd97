"""The data folder: its lock, `stack.json` and orphaned processes."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from footfall.local.data_folder import MARK, AlreadyRunning, DataFolder, ForeignFolder
from footfall.local.process import started_at


def test_a_folder_with_foreign_files_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ForeignFolder, match="FOOTFALL_DATA_DIR"):
        DataFolder(tmp_path).create()


def test_other_users_of_the_machine_see_nothing_of_it_even_if_it_was_open_before(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir(mode=0o755)
    (path / "logs").mkdir(mode=0o755)
    (path / ".footfall").touch()
    DataFolder(path).create()
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path / "logs", path / "kafka")] == [0o700] * 3


def test_a_second_lock_fails_and_says_where_the_stack_runs(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.create()
    folder.write_stack({"http": "http://localhost:3000"})
    with folder.locked(), pytest.raises(AlreadyRunning, match="http://localhost:3000"), folder.locked():
        pass
    with folder.locked():
        pass


def test_orphans_are_found_by_their_mark_or_by_stack_json_and_other_processes_are_not(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.create()
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    marked = subprocess.Popen(sleep, env={**os.environ, MARK: str(folder.path)}, start_new_session=True)
    recorded = subprocess.Popen(sleep, start_new_session=True)
    unrelated = subprocess.Popen(sleep, start_new_session=True)
    try:
        services = {
            "kafka": {"pid": recorded.pid, "started_at": started_at(recorded.pid)},
            # The pid was reused by another process.
            "sinks": {"pid": unrelated.pid, "started_at": (started_at(unrelated.pid) or 0) - 100},
        }
        folder.stack_file.write_text(json.dumps({"services": services}))
        assert {process.pid for process in folder.orphans()} == {marked.pid, recorded.pid}
        assert folder.stop_orphans() == 2
        assert marked.wait(5) is not None
        assert recorded.wait(5) is not None
        assert unrelated.poll() is None
    finally:
        for process in (marked, recorded, unrelated):
            process.kill()
            process.wait()
