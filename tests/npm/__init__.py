"""What the tests need of the JavaScript world: Node.js from a wheel, packages from the lock file beside this one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
NODE = BIN / "node"


def npm(folder: Path, *arguments: str) -> str:
    """Run npm in a folder; what it printed."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"  # npm and what it runs find this Node.js first
    ran = subprocess.run(
        [BIN / "npm", *arguments],
        cwd=folder,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return ran.stdout


def install(folder: Path, listed: Path = HERE) -> Path:
    """Copy `package.json` and its lock file into a folder and install what they name; its `node_modules`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(listed / name, folder)
    npm(folder, "ci", "--silent", "--no-audit", "--no-fund")
    return folder / "node_modules"


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of the lock file beside this one, installed once a run."""
    return install(tmp_path_factory.mktemp("npm"))
