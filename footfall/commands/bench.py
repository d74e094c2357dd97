"""`footfall bench`: run a benchmark of this checkout."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import footfall

NOT_FOUND = 1


def bench(
    name: Annotated[str | None, typer.Argument(help="Name of the benchmark; without it, all are listed.")] = None,
) -> None:
    """Run a benchmark on this machine. docs/performance.md explains the figures.

    Exit codes: those of the benchmark, or 1 if there is no such benchmark.

    Example: footfall bench collect
    """
    folder = Path(footfall.__file__).parents[1] / "benchmarks"
    names = sorted(path.stem for path in folder.glob("*.py") if f"footfall bench {path.stem}" in path.read_text())
    if not names:
        typer.echo("The benchmarks are part of a checkout of footfall, not of the package.", err=True)
        raise typer.Exit(NOT_FOUND)
    if name is None:
        typer.echo("\n".join(names))
        return
    if name not in names:
        typer.echo(f'There is no benchmark "{name}". Choose one of: {", ".join(names)}.', err=True)
        raise typer.Exit(NOT_FOUND)
    os.chdir(folder.parent)
    os.execv(sys.executable, [sys.executable, "-m", f"benchmarks.{name}"])  # from the list above
