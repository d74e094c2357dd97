"""What two starts on one machine do one after the other."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from footfall.local import jars
from footfall.local.turns import turn


def test_one_at_a_time_has_the_turn_and_who_is_told_to_stop_does_not_wait(tmp_path: Path) -> None:
    asked: list[None] = []

    def told_to_stop_at_the_third_look() -> bool:
        asked.append(None)
        return len(asked) > 2

    lock = tmp_path / "cache" / "ports.lock"
    with turn(lock), turn(lock, told_to_stop_at_the_third_look):
        assert len(asked) == 3
    with turn(lock, lambda: pytest.fail("had to wait")):
        pass


def test_two_first_starts_download_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads = 0
    both = threading.Barrier(2)
    jar = tmp_path / "kafka.jar"

    def download(*_given: object) -> list[str]:
        nonlocal downloads
        downloads += 1
        time.sleep(0.3)
        jar.touch()
        return [str(jar)]

    def start(_number: int) -> str:
        both.wait()
        return jars.class_path(tmp_path, print)

    monkeypatch.setattr(jars, "_download", download)
    with ThreadPoolExecutor(2) as starts:
        assert list(starts.map(start, range(2))) == [str(jar)] * 2
    assert downloads == 1
