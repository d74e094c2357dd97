"""`footfall env`: the addresses of the running stack, for any client or script."""

import json
import os
import shlex
from typing import Annotated

import typer


def env(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Print the addresses of the running stack as `export` lines.

    Exit code 1: nothing runs.

    Example: eval "$(footfall env)"
    """
    from footfall.local.settings import read
    from footfall.local.stack_file import DataFolder

    folder = DataFolder(read(os.environ).folder)
    record = folder.read()
    if record is None:
        typer.echo(f"Nothing runs with the data in {folder.path}. Start it with: footfall up", err=True)
        raise typer.Exit(1)
    variables = {
        "FOOTFALL_URL": record["http"],
        "FOOTFALL_KAFKA_BOOTSTRAP": record["kafka"],
        "FOOTFALL_POSTGRES_DSN": record["postgres"],
        "FOOTFALL_DATA_DIR": str(folder.path),
    }
    if as_json:
        typer.echo(json.dumps(variables))
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
