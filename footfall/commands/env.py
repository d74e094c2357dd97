"""`footfall env`: the endpoints of the running stack, for any client or script."""

import os
import shlex

import typer

from footfall.commands.json_lines import JsonOption, print_json

NOT_RUNNING = 1


def env(
    as_json: JsonOption = False,
) -> None:
    """Print the URL, Kafka brokers, Postgres DSN and own contract of the running stack as `export` lines.

    Exit codes: 0 printed, 1 nothing is running.

    Example: eval "$(footfall env)"
    """
    from footfall.local.data_folder import DataFolder
    from footfall.local.settings import LocalSettings
    from service_kit.settings import load

    folder = DataFolder(load(LocalSettings, os.environ).folder)
    stack = folder.read_stack()
    if stack is None:
        typer.echo(f"Nothing is running with the data in {folder.path}. Start it with `footfall up`.", err=True)
        raise typer.Exit(NOT_RUNNING)
    variables = {
        "FOOTFALL_URL": stack["http"],
        "FOOTFALL_KAFKA_BOOTSTRAP": stack["kafka"],
        "FOOTFALL_POSTGRES_DSN": stack["postgres"],
        "FOOTFALL_POSTGRES_SCHEMA": stack["postgres_schema"],
        "FOOTFALL_DATA_DIR": str(folder.path),
    }
    if "contract" in stack:
        variables["FOOTFALL_CONTRACT"] = stack["contract"]
    if as_json:
        print_json(variables)
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
