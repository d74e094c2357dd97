"""A release can be made at any time: `scripts/release.py --dry-run` makes everything, and it is what it should be."""

import hashlib
import json
import os
import subprocess
import zipfile
from pathlib import Path

import helm_python
import pytest

from scripts import release
from tests.helm.chart import EXAMPLES, example

ROOT = Path(__file__).parents[2]
VERSION = release.VERSIONS["pyproject.toml"]()


def test_the_version_is_the_same_everywhere() -> None:
    assert release.different_versions() == []


def test_a_release_names_the_address_of_the_project_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = {
        "browser/package.json, repository": lambda: "",
        "helm/Chart.yaml, home": lambda: "https://footfall.example",
    }
    monkeypatch.setattr(release, "ADDRESSES", addresses)
    assert "browser/package.json, repository is missing: where the project is." in release.obstacles()
    assert not any("helm" in obstacle for obstacle in release.obstacles())


def test_the_notes_are_the_section_of_the_version() -> None:
    changelog = "# Changelog\n\n## 0.2.0 (2026-12-01)\n\n- new\n\n## 0.1.0 (2026-11-01)\n\n- old\n"
    assert release.release_notes(changelog, "0.2.0") == "- new\n"
    assert release.release_notes(changelog, "0.1.0") == "- old\n"
    with pytest.raises(ValueError, match=r"no section 0\.3\.0"):
        release.release_notes(changelog, "0.3.0")


def test_the_images_are_those_of_the_dockerfile() -> None:
    bake = (ROOT / "docker-bake.hcl").read_text()
    for target in ("collector", "stream-app", "sinks", "dashboard", "registry"):
        assert f'target   = "{target}"\n  tags     = ["${{REGISTRY}}/footfall-{target}:${{VERSION}}"]' in bake
        assert f" AS {target}\n" in (ROOT / "Dockerfile").read_text()


def test_the_packages_and_the_chart_are_made_with_checksums(tmp_path: Path) -> None:
    """Also the rest with RELEASE=1; the npm packages have tests of their own."""
    is_whole = bool(os.environ.get("RELEASE"))
    release.make(tmp_path, release.PARTS if is_whole else (release.python_packages, release.chart, release.texts))
    packages = {f"{name}-{VERSION}" for name in ("footfall", "footfall_client")}
    expected = {
        *(f"{package}-py3-none-any.whl" for package in packages),
        *(f"{package}.tar.gz" for package in packages),
        f"footfall-{VERSION}.tgz",
        "docker-bake.hcl",
        "NOTES.md",
        "SHA256SUMS",
    }
    if is_whole:
        expected |= {f"footfall-{VERSION}-{lock}.cdx.json" for lock in release.LOCKS}
        expected |= {f"footfall-{name}-{VERSION}.tgz" for name in ("browser", "node")}
        bill = json.loads((tmp_path / f"footfall-{VERSION}-stream.cdx.json").read_text())
        assert "faust-streaming" in {component["name"] for component in bill["components"]}
    assert {path.name for path in tmp_path.iterdir()} == expected
    for line in (tmp_path / "SHA256SUMS").read_text().splitlines():
        checksum, name = line.split("  ")
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == checksum
    wheel_has_what_runs(tmp_path / f"footfall-{VERSION}-py3-none-any.whl")
    chart_renders(tmp_path / f"footfall-{VERSION}.tgz")


def wheel_has_what_runs(path: Path) -> None:
    """Every file of the packages but the generators, which write into a checkout."""
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
    tracked = subprocess.run(
        [
            "git",
            "ls-files",
            *(
                "avro_schemas",
                "dashboard",
                "footfall",
                "producer_api",
                "registry",
                "service_kit",
                "sinks",
                "stream_app",
            ),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    in_a_checkout = ("footfall/generate/", "registry/samples/README.md")
    missing = {name for name in tracked if not name.startswith(in_a_checkout)} - names
    assert missing == set()
    assert not [name for name in names if name.startswith("footfall/generate")]


def chart_renders(path: Path) -> None:
    linted = helm_python.lint(path, example(EXAMPLES[0]))
    assert linted["messages"] == [], linted
