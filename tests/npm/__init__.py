"""What the tests need of the JavaScript world, from the lock file beside this one."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NEEDS_NPM = pytest.mark.skipif(not shutil.which("npm"), reason="Node.js and npm are not installed")


def install(folder: Path, listed: Path = HERE) -> Path:
    """Copy `package.json` and its lock file into a folder and install what they name; its `node_modules`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(listed / name, folder)
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return folder / "node_modules"
