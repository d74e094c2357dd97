"""What is installed has wheels for every platform that we name, so nobody needs a compiler."""

import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from footfall.local import java

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LINUX = {"x86_64-manylinux_2_28": (), "aarch64-manylinux_2_28": ("--no-binary", "faust-streaming")}
MAC = {"aarch64-apple-darwin": ()}
IMAGES = ("producer", "stream", "sinks", "dashboard", "registry")


def resolve(lock: str, python: str, platform: str, options: tuple[str, ...], target: Path) -> str:
    """What keeps a lock file from being installed on a platform; empty if nothing does."""
    ran = subprocess.run(
        [
            *(Path(sys.executable).with_name("uv"), "pip", "install", "--dry-run", "--quiet", "--no-deps"),
            *("--require-hashes", "--only-binary", ":all:", *options, "--target", target),
            *("--python-version", python, "--python-platform", platform),
            *("--requirement", ROOT / "requirements" / f"{lock}.lock"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stderr if ran.returncode else ""


@pytest.mark.parametrize("platform", [*LINUX, *MAC])
def test_the_stack_of_one_machine_can_be_installed(platform: str, tmp_path: Path) -> None:
    # With the Java runtime that the first start downloads.
    options = (*(LINUX | MAC)[platform], "--requirement", str(java.PINS))
    assert {python: resolve("local", python, platform, options, tmp_path) for python in PYTHONS} == dict.fromkeys(
        PYTHONS, ""
    )


def test_every_image_can_be_built_for_both_architectures(tmp_path: Path) -> None:
    (python,) = re.findall(r"^ARG PYTHON=python:(3\.\d+)", (ROOT / "Dockerfile").read_text(), re.M)
    found = {
        (lock, platform): resolve(lock, python, platform, options, tmp_path)
        for lock, (platform, options) in product(IMAGES, LINUX.items())
    }
    assert {where: fault for where, fault in found.items() if fault} == {}


def test_the_versions_of_python_are_the_same_everywhere() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    newest = PYTHONS[-1].removeprefix("3.")
    assert tuple(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)) == PYTHONS
    assert f'requires-python = ">=3.11,<3.{int(newest) + 1}"' in project
    assert f"<= (3, {newest})" in (ROOT / "Makefile").read_text()
    assert "Python 3.11 to 3.14" in (ROOT / "README.md").read_text()
