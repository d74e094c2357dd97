"""What the tests need of the JavaScript world: Node.js from a wheel, packages from the lock file beside this one."""

import fcntl
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
    _copy_lists(listed, folder)
    npm(folder, "ci", "--silent", "--no-audit", "--no-fund")
    return folder / "node_modules"


def install_shared(folder: Path, shared: Path, listed: Path = HERE) -> Path:
    """The same, for what several files need: installed in `shared`, once for all workers of a run.

    The copies are hard links.
    """
    _copy_lists(listed, folder)
    modules = folder / "node_modules"
    shutil.copytree(_installed(shared, listed), modules, symlinks=True, copy_function=os.link)
    return modules


def _copy_lists(listed: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(listed / name, folder)


def _installed(shared: Path, listed: Path) -> Path:
    """The `node_modules` of these files; the worker that asks first installs them while others wait."""
    folder = shared / "-".join(["npm", *listed.parts[-2:]])
    done = folder / "installed"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            install(folder, listed)
            done.touch()
    return folder / "node_modules"


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory, shared_folder: Path) -> Path:
    """The packages of the lock file beside this one."""
    return install_shared(tmp_path_factory.mktemp("npm"), shared_folder)
