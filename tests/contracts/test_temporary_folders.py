"""What killed runs of the tests leave in memory is removed by the next one, and nothing else is."""

import subprocess
import sys
from pathlib import Path

from tests.support import temporary_folders

ANOTHER_RUN = """
import sys
from pathlib import Path
from tests.support import temporary_folders
print(temporary_folders.make(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_only_the_folders_of_dead_runs_are_removed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "footfall-tests-file").touch()
    with subprocess.Popen(
        [sys.executable, "-c", ANOTHER_RUN, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as another:
        assert another.stdout
        its = Path(another.stdout.readline().strip())
        ours = temporary_folders.make(tmp_path)
        assert {"other", "footfall-tests-file", its.name, ours.name} == {path.name for path in tmp_path.iterdir()}
        another.kill()
        another.wait()
        temporary_folders.remove_those_of_dead_runs(tmp_path)
        assert {"other", "footfall-tests-file", ours.name} == {path.name for path in tmp_path.iterdir()}
