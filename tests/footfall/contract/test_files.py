"""What is published is found in git or in a folder, and a contract is written completely or not at all."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from avro_schemas.contract import EMPTY, FOLDER, Contract, read
from avro_schemas.installed import shipped
from footfall.contract import add, files
from footfall.contract.files import NothingToCompare, published

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
ADDED = add.with_event_type(EMPTY, "sign_up", "A user signed up.", [add.parse_field("plan:string")], shipped())
OWN = add.locked(ADDED, is_own=True)


def commit(folder: Path, *initial: str) -> None:
    for command in ([*initial] if initial else None, ["add", "."], ["commit", "-qm", "as published"]):
        if command:
            subprocess.run([*GIT, *command], cwd=folder, check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A team's repository with a contract in the folder `contract`, on the branch main."""
    files.write(tmp_path / "contract", EMPTY, OWN)
    (tmp_path / "contract" / "custom_events.yaml").write_text("newsletter: Somebody subscribed.\n")
    commit(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def test_the_shipped_contract_of_a_commit_is_read_from_git(tmp_path: Path) -> None:
    folder = tmp_path / "avro_schemas"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    commit(tmp_path, "init", "-q", "-b", "main")
    path = folder / "schemas" / "page_view.v1.avsc"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"doc": "Edited."}))
    assert published(folder, "main") == shipped() != read(folder)


def test_a_teams_contract_is_read_from_a_commit_or_from_a_folder(repository: Path, tmp_path: Path) -> None:
    folder = repository / "contract"
    expected = replace(OWN, custom_events={"newsletter": "Somebody subscribed."})
    assert published(folder, "main") == expected
    copied = shutil.copytree(folder, tmp_path / "as_published")
    (folder / "lock.json").unlink()
    assert published(folder, str(copied)) == published(folder, "HEAD") == expected


def test_a_folder_that_is_not_at_the_commit_yet_is_an_empty_contract(repository: Path) -> None:
    (repository / "other").mkdir()
    assert published(repository / "other", "main") == EMPTY


def test_nothing_to_compare_with_says_why(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(
        NothingToCompare, match=r"There is no branch or commit nope\. There is no folder nope either"
    ):
        published(repository / "contract", "nope")
    with pytest.raises(NothingToCompare, match="is not in a git repository"):
        published(tmp_path_factory.mktemp("alone"), "main")


def test_without_git_there_is_nothing_to_compare_with(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NothingToCompare, match="git is not installed"):
        published(repository / "contract", "main")


def test_only_what_differs_is_written(repository: Path) -> None:
    folder = repository / "contract"
    lines_apart = json.dumps(json.loads((folder / "schemas" / "sign_up.v1.avsc").read_text()), indent=8)
    (folder / "schemas" / "sign_up.v1.avsc").write_text(lines_apart)
    grown = add.with_field(OWN, "sign_up", add.parse_field("seats:int?"))
    written = files.write(folder, OWN, grown)
    assert {path.name for path in written} == {"sign_up.v2.avsc", "sign_up.v2.json"}
    assert not (folder / "examples" / "sign_up.v1.json").exists()
    assert (folder / "schemas" / "sign_up.v1.avsc").read_text() == lines_apart
    assert read(folder).schemas == grown.schemas


@pytest.mark.parametrize("blocked", ["lock.json", "examples/sign_down.v1.json"])
def test_where_one_file_cannot_be_written_none_is(repository: Path, blocked: str) -> None:
    folder = repository / "contract"
    # A folder in the place of the file: not even root can replace it.
    (folder / blocked).unlink(missing_ok=True)
    (folder / blocked / "inside").mkdir(parents=True)
    before = contents(folder)
    down = add.with_event_type(OWN, "sign_down", "A user left.", [], shipped())
    with pytest.raises(OSError, match="directory"):
        files.write(folder, OWN, add.locked(down, is_own=True))
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, str]:
    return {
        os.fspath(path.relative_to(folder)): path.read_text() if path.is_file() else ""
        for path in folder.rglob("*")
    }


def test_an_empty_contract_writes_nothing_but_its_lock_file(tmp_path: Path) -> None:
    empty: Contract = replace(EMPTY, lock={"a.B": {}})
    assert files.write(tmp_path, EMPTY, empty) == [tmp_path / "lock.json"]
