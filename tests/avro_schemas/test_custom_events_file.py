"""A line is added to the file of custom events, or a sentence says why not; the rest of the file stays as it is."""

import os
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas import custom_events_file
from avro_schemas.custom_events_file import NAME, NotWritten, add, line, read, with_line

COMMENTED = "# ours\nsign_up: A user signed up.   # since spring\n\n# shop\ncheckout: 'Somebody paid.'"


def test_a_line_is_added_at_the_end_and_everything_else_stays(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(COMMENTED)
    (tmp_path / NAME).chmod(0o640)
    assert add(tmp_path, "tea_made", "Somebody made tea: hot.")
    assert (tmp_path / NAME).read_text() == COMMENTED + "\ntea_made: 'Somebody made tea: hot.'\n"
    assert read(tmp_path)["tea_made"] == "Somebody made tea: hot."
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_name_that_is_there_is_not_added_again(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(COMMENTED)
    assert not add(tmp_path, "sign_up", "Something else.")
    assert (tmp_path / NAME).read_text() == COMMENTED


def test_a_folder_without_the_file_gets_one(tmp_path: Path) -> None:
    assert read(tmp_path) == {}
    assert add(tmp_path, "tea_made", "Somebody made tea.")
    assert read(tmp_path) == {"tea_made": "Somebody made tea."}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool))
def test_any_meaning_is_read_back_as_it_was_written(about: str) -> None:
    assert yaml.safe_load(with_line("", "tea_made", about)) == {"tea_made": about}


@pytest.mark.parametrize("name", ["null", "yes", "on", "true"])
def test_a_name_that_means_something_in_yaml_is_quoted(name: str) -> None:
    assert yaml.safe_load(line(name, "A word.")) == {name: "A word."}


@pytest.mark.parametrize("name", ["addToCart", "cart:add", "a-b", "_x", "", "x" * 61, "a: b\nc", "1st"])
def test_a_name_that_the_contract_cannot_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotWritten, match="cannot be in the contract"):
        add(tmp_path, name, "Something.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["{a: b}", "- a", "a: b\n  c: d", "a: |\n  b\n...", "1: one"])
def test_a_file_that_cannot_take_a_line_stays_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(NotWritten):
        add(tmp_path, "tea_made", "Somebody made tea.")
    assert (tmp_path / NAME).read_text() == text


def test_a_file_that_cannot_be_written_is_answered_with_the_line_to_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(custom_events_file, "_replace", refuse)
    with pytest.raises(NotWritten, match=r"Read-only file system.*tea_made: Somebody made tea\."):
        add(tmp_path, "tea_made", "Somebody made tea.")
    with pytest.raises(NotWritten, match="No such file"):
        add(tmp_path / "nowhere", "tea_made", "Somebody made tea.")


def test_nothing_is_left_behind_if_the_file_cannot_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(NotWritten, match="No space left"):
        add(tmp_path, "tea_made", "Somebody made tea.")
    assert list(tmp_path.iterdir()) == []


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("a: b\n")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / NAME).symlink_to(tmp_path / "real.yaml")
    add(tmp_path / "own", "tea_made", "Somebody made tea.")
    assert (tmp_path / "own" / NAME).is_symlink()
    assert "tea_made" in (tmp_path / "real.yaml").read_text()


def test_many_writers_lose_no_line(tmp_path: Path) -> None:
    names = [f"name_{number}" for number in range(20)]
    threads = [threading.Thread(target=add, args=(tmp_path, name, "One.")) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read(tmp_path)) == sorted(names)
