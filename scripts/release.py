"""Makes everything that a release consists of, in dist/release. Nothing is published: docs/releasing.md says how.

`--dry-run` also works with changes that are not committed, and before the changelog has a date.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import helm_python
import yaml

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
LOCKS = ("producer", "stream", "sinks", "dashboard", "registry", "local")


def _toml(path: str, field: str = "version") -> str:
    project = tomllib.loads((ROOT / path).read_text())["project"]
    return str(project.get(field, ""))


def _npm(path: str, field: str = "version") -> str:
    return str(json.loads((ROOT / path).read_text()).get(field, ""))


def _chart(field: str) -> str:
    return str(yaml.safe_load((ROOT / "helm/Chart.yaml").read_text()).get(field, ""))


def _text(path: str, pattern: str) -> str:
    found = re.search(pattern, (ROOT / path).read_text(), re.M)
    return found[1] if found else "none"


# Where the version stands. The first one is the version of the release.
VERSIONS: Mapping[str, Callable[[], str]] = {
    "pyproject.toml": lambda: _toml("pyproject.toml"),
    "sdk/python/pyproject.toml": lambda: _toml("sdk/python/pyproject.toml"),
    "sdk/python/footfall_client/sender.py": lambda: _text(
        "sdk/python/footfall_client/sender.py", r'^VERSION = "python/(.*)"'
    ),
    "browser/package.json": lambda: _npm("browser/package.json"),
    "sdk/node/package.json": lambda: _npm("sdk/node/package.json"),
    "sdk/node/src/sender.js": lambda: _text("sdk/node/src/sender.js", r'^const VERSION = "node/(.*)"'),
    "helm/Chart.yaml, version": lambda: _chart("version"),
    "helm/Chart.yaml, appVersion": lambda: _chart("appVersion"),
    "Dockerfile": lambda: _text("Dockerfile", r"^ARG VERSION=(.*)"),
    "docker-bake.hcl": lambda: _text("docker-bake.hcl", r'^variable "VERSION" \{ default = "(.*)" \}'),
    "CHANGELOG.md": lambda: _text("CHANGELOG.md", r"^## (\S+) "),
    "helm/UPGRADING.md": lambda: _text("helm/UPGRADING.md", r"^## To (\S+)"),
}


# Where the address of the project stands, once it has one. npm needs it for provenance.
ADDRESSES: Mapping[str, Callable[[], str]] = {
    "pyproject.toml, [project.urls]": lambda: _toml("pyproject.toml", "urls"),
    "sdk/python/pyproject.toml, [project.urls]": lambda: _toml("sdk/python/pyproject.toml", "urls"),
    "browser/package.json, repository": lambda: _npm("browser/package.json", "repository"),
    "sdk/node/package.json, repository": lambda: _npm("sdk/node/package.json", "repository"),
    "helm/Chart.yaml, home": lambda: _chart("home"),
    "helm/Chart.yaml, sources": lambda: _chart("sources"),
}


def different_versions() -> list[str]:
    """Each place whose version is not that of the release."""
    version = VERSIONS["pyproject.toml"]()
    return [f"{place} says {found}" for place, read in VERSIONS.items() if (found := read()) != version]


def release_notes(changelog: str, version: str) -> str:
    """The section of a version. Raise ValueError if there is none."""
    section = re.search(rf"^## {re.escape(version)} \(.*?\)\n+(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    if section is None:
        raise ValueError(f"CHANGELOG.md has no section {version}")
    return section[1].strip() + "\n"


def obstacles() -> list[str]:
    """What keeps this checkout from being released."""
    found = []
    if _run("git", "status", "--porcelain"):
        found.append("There are changes that are not committed.")
    if "(unreleased)" in (ROOT / "CHANGELOG.md").read_text():
        found.append("CHANGELOG.md says (unreleased): write the date there.")
    found.extend(f"{place} is missing: where the project is." for place, read in ADDRESSES.items() if not read())
    return found


def python_packages(folder: Path) -> None:
    """Wheel and sdist of footfall, and of the server SDK."""
    for project in (".", "sdk/python"):
        _run(str(BIN / "uv"), "build", "--quiet", "--out-dir", str(folder), project)
    (folder / ".gitignore").unlink(missing_ok=True)


def npm_packages(folder: Path) -> None:
    """The browser SDK and the server SDK."""
    if not (ROOT / "browser/node_modules").exists():
        _run("npm", "ci", "--silent", "--no-audit", "--no-fund", folder=ROOT / "browser")
    for package in ("browser", "sdk/node"):
        _run("npm", "pack", "--silent", "--pack-destination", str(folder), folder=ROOT / package)


def chart(folder: Path) -> None:
    """The chart, as Helm packages it."""
    helm_python.package(ROOT / "helm", destination=folder)


def bills_of_materials(folder: Path) -> None:
    """One for each lock file."""
    for lock in LOCKS:
        output = str(folder / f"footfall-{VERSIONS['pyproject.toml']()}-{lock}.cdx.json")
        requirements = str(ROOT / "requirements" / f"{lock}.lock")
        _run(str(BIN / "cyclonedx-py"), "requirements", "--output-reproducible", "-o", output, requirements)


def texts(folder: Path) -> None:
    """The notes, and how the images are built."""
    (folder / "docker-bake.hcl").write_bytes((ROOT / "docker-bake.hcl").read_bytes())
    changelog = (ROOT / "CHANGELOG.md").read_text()
    (folder / "NOTES.md").write_text(release_notes(changelog, VERSIONS["pyproject.toml"]()))


PARTS = (python_packages, npm_packages, chart, bills_of_materials, texts)


def make(folder: Path, parts: Sequence[Callable[[Path], None]] = PARTS) -> None:
    """Make these parts, and the checksums of all of them, in an empty folder."""
    # The same commit makes the same files.
    os.environ["SOURCE_DATE_EPOCH"] = _run("git", "log", "-1", "--format=%ct")
    for part in parts:
        sys.stderr.write(f"==> {(part.__doc__ or '').strip()}\n")
        part(folder)
    (folder / "SHA256SUMS").write_text(checksums(folder))


def checksums(folder: Path) -> str:
    """As `sha256sum --check` reads them."""
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
        if path.name != "SHA256SUMS"
    )


def _run(*command: str, folder: Path = ROOT) -> str:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{ran.stdout}{ran.stderr}")
    return ran.stdout.strip()


def main() -> None:
    """Check, then make."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--folder", type=Path, default=ROOT / "dist/release")
    options = parser.parse_args()
    faults = different_versions() + ([] if options.dry_run else obstacles())
    if faults:
        sys.exit("\n".join(faults))
    options.folder.mkdir(parents=True, exist_ok=True)
    if any(options.folder.iterdir()):
        sys.exit(f"{options.folder} is not empty.")
    make(options.folder)
    sys.stdout.write((options.folder / "SHA256SUMS").read_text())


if __name__ == "__main__":
    main()
