"""`footfall bench`: run one of the benchmarks of this checkout."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import footfall

NO_SUCH = 1


def bench(
    name: Annotated[str | None, typer.Argument(help="Which one; without it they are listed.")] = None,
) -> None:
    """Measure a part of the pipeline on this machine; docs/performance.md explains the figures.

    Exit codes: those of the benchmark, or 1 where there is none of that name.

    Example: footfall bench collect
    """
    folder = Path(footfall.__file__).parents[1] / "benchmarks"
    names = sorted(path.stem for path in folder.glob("*.py") if f"footfall bench {path.stem}" in path.read_text())
    if not names:
        typer.echo("The benchmarks come with a checkout of footfall, not with the package.", err=True)
        raise typer.Exit(NO_SUCH)
    if name is None:
        typer.echo("\n".join(names))
        return
    if name not in names:
        typer.echo(f'There is no benchmark "{name}"; there are {", ".join(names)}.', err=True)
        raise typer.Exit(NO_SUCH)
    os.chdir(folder.parent)
    os.execv(sys.executable, [sys.executable, "-m", f"benchmarks.{name}"])  # a name of the list
