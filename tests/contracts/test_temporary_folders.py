"""What killed runs of the tests leave in memory is removed by the next one, and nothing else is."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support import temporary_folders


def test_only_the_folders_of_dead_runs_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    staying = {f"footfall-tests-{os.getpid()}-b", "footfall-tests-notes", f"other-{ended.pid}-c"}
    for name in (*staying, f"footfall-tests-{ended.pid}-a"):
        (tmp_path / name / "run").mkdir(parents=True)
    made = temporary_folders.make(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == staying | {made.name}
    assert made.name.startswith(f"footfall-tests-{os.getpid()}-")
