"""Clients that generators make from the OpenAPI documents, used as a stranger would use them.

The generators have environments of their own, from lock files: `requirements/clients.lock`, and the one beside this
file.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dashboard.openapi
from producer_api.routes import openapi
from registry.app import build_app

ROOT = Path(__file__).parents[2]
DOCUMENTS: dict[str, dict[str, Any]] = {
    "collector": openapi.document("session"),
    "registry": build_app().openapi(),
    "dashboard": dashboard.openapi.document("session"),
}


def write_documents(folder: Path) -> None:
    """Write each document into a file of its name."""
    for name, document in DOCUMENTS.items():
        (folder / f"{name}.json").write_text(json.dumps(document))


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python environment with the generator of Python clients."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> "Environment":
        """Install what the lock file names, and nothing else."""
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        lock = ROOT / "requirements" / "clients.lock"
        into = ["--python", folder / "bin" / "python"]
        subprocess.run([uv, "pip", "install", "--quiet", "--require-hashes", *into, "-r", lock], check=True)
        return cls(folder)

    def generate(self, document: Path, package: Path) -> str:
        """Make a package from a document; what the generator said, which is about what it left out."""
        options = ["--path", document, "--output-path", package, "--meta", "none", "--overwrite"]
        command = [self.folder / "bin" / "openapi-python-client", "generate", *options]
        environ = {"PATH": str(self.folder / "bin")}  # it formats with ruff
        ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        return ran.stdout + ran.stderr

    def run(self, program: Path, packages: Path, *arguments: str) -> Any:
        """Run a program that imports generated packages; the JSON that it printed."""
        command = [self.folder / "bin" / "python", program, *arguments]
        environ = {"PYTHONPATH": str(packages)}
        return json.loads(
            subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout
        )
