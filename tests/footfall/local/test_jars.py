"""The download of the jars."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from footfall.local import jars


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
