"""The small decisions of the local stack."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from footfall.local import containers, local_keys, ports
from footfall.local.java import major_version
from footfall.local.process import birth, how
from footfall.local.settings import LocalSettings
from footfall.local.stack_file import MARK, AlreadyRunning, DataFolder, ForeignFolder
from footfall.local.supervisor import MAX_PAUSE, pause


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("command not found", None),
    ],
)
def test_the_version_of_java_is_read(printed: str, version: int | None) -> None:
    assert major_version(printed) == version


def test_restarts_come_ever_more_slowly() -> None:
    assert [pause(crashes) for crashes in (1, 2, 3)] == [0.2, 0.4, 0.8]
    assert pause(1000) == MAX_PAUSE


def test_an_end_is_told_in_words() -> None:
    assert (how(3), how(-9)) == ("exit code 3", "killed by SIGKILL")


def test_a_port_where_something_listens_gives_way_to_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.choose(port) != port


def test_a_port_stays_with_the_process_that_chose_it_while_nothing_listens_there() -> None:
    port = ports.choose()
    assert ports.is_free(port)
    assert not ports.claim(port)
    claim = f"from footfall.local import ports; print(ports.claim({port}))"
    other = [sys.executable, "-c", claim]
    assert subprocess.run(other, capture_output=True, text=True, check=True).stdout == "False\n"
    free = [sys.executable, "-c", "from footfall.local import ports; print(ports.choose())"]
    given_up = int(subprocess.run(free, capture_output=True, text=True, check=True).stdout)
    assert ports.claim(given_up)


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    made = local_keys.read_or_make(tmp_path)
    assert local_keys.read_or_make(tmp_path) == made
    assert set(made) == {"FOOTFALL_HASH_KEY", "FOOTFALL_SESSION_KEY"}
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_a_folder_with_somebody_elses_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(ForeignFolder, match="FOOTFALL_DATA_DIR"):
        DataFolder(tmp_path).make()


def test_only_one_holds_a_folder_and_the_other_is_told_where_it_runs(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make()
    folder.write({"http": "http://localhost:3000"})
    with folder.locked(), pytest.raises(AlreadyRunning, match="http://localhost:3000"), folder.locked():
        pass
    with folder.locked():
        pass


def test_orphans_are_found_by_their_mark_and_by_the_record_but_strangers_are_not(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make()
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    marked = subprocess.Popen(sleep, env={**os.environ, MARK: str(folder.path)}, start_new_session=True)
    recorded = subprocess.Popen(sleep, start_new_session=True)
    stranger = subprocess.Popen(sleep, start_new_session=True)
    try:
        born = birth(recorded.pid)
        services = {
            "kafka": {"pid": recorded.pid, "born": born},
            # The pid was used again by somebody else.
            "sinks": {"pid": stranger.pid, "born": (birth(stranger.pid) or 0) - 100},
        }
        folder.record.write_text(json.dumps({"services": services}))
        assert {process.pid for process in folder.orphans()} == {marked.pid, recorded.pid}
        assert folder.end_orphans() == 2
        assert marked.wait(5) is not None
        assert recorded.wait(5) is not None
        assert stranger.poll() is None
    finally:
        for process in (marked, recorded, stranger):
            process.kill()
            process.wait()


def test_the_data_folder_is_the_users_own_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert LocalSettings().folder == Path("/somewhere/footfall")
    assert LocalSettings(data_dir=Path("/elsewhere")).folder == Path("/elsewhere")


def test_the_containers_advertise_the_port_of_this_machine_and_keep_their_data(tmp_path: Path) -> None:
    environ = containers._kafka_environment(9095)
    assert environ["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:9095"
    assert containers.volume(tmp_path, "kafka") == containers.volume(tmp_path, "kafka")
    assert containers.volume(tmp_path, "kafka") != containers.volume(tmp_path / "other", "kafka")


def test_without_an_engine_there_are_no_containers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert containers.engine_answers() is False
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{ports.choose()}")
    assert containers.engine_answers() is False
