"""The download of the jars."""

import hashlib
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
        return jars.class_path(tmp_path, print, jars.Bundle("kafka", "1", "", 1, pins))

    pins = tmp_path / "pins"
    pins.write_text(f"{hashlib.sha256().hexdigest()}  kafka.jar\n")
    monkeypatch.setattr(jars, "_download", download)
    with ThreadPoolExecutor(2) as starts:
        assert list(starts.map(start, range(2))) == [str(jar)] * 2
    assert downloads == 1


def test_only_the_pinned_jars_are_run(tmp_path: Path) -> None:
    jar, other = tmp_path / "a.jar", tmp_path / "b.jar"
    jar.write_bytes(b"a")
    other.write_bytes(b"b")
    pins = f"{hashlib.sha256(b'a').hexdigest()}  a.jar\n"
    jars.verify([str(jar)], pins)
    with pytest.raises(jars.UnexpectedJar, match=r"b\.jar is not"):
        jars.verify([str(jar), str(other)], pins)
    with pytest.raises(jars.UnexpectedJar, match=r"a\.jar"):
        jars.verify([], pins)
    jar.write_bytes(b"A")
    with pytest.raises(jars.UnexpectedJar, match="Delete the download"):
        jars.verify([str(jar)], pins)


def test_a_download_that_differs_from_the_pins_is_not_used_by_the_next_start_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / "kafka.jar"
    jar.write_bytes(b"something else")
    monkeypatch.setattr(jars, "_download", lambda *_given: [str(jar)])
    for _start in range(2):
        with pytest.raises(jars.UnexpectedJar):
            jars.class_path(tmp_path, print)


def test_without_a_way_to_maven_central_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(jars.NotDownloaded, match=r"Connection refused.*HTTPS_PROXY.*FOOTFALL_KAFKA_BOOTSTRAP"):
        jars.class_path(tmp_path, print)
